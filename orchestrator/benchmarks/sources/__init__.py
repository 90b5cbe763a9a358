"""Data of the user's own: the forms that a sweep can give.

May import `data_folder.py`, the top-level modules and `methods`. Begin with `own_data.py`, the data
set that a benchmark holds; a file a form reads its files, `arrays/` checks what was read, and
`cache/` keeps it as memory-mapped arrays.
"""
