"""Data of the user's own: the forms that a sweep can give.

May import `atomic_files.py`, `data_folder.py` and what is below the benchmarks. Begin with
`own_data.py`, the data set that a benchmark holds; a file a form reads its files, `arrays/` checks
what was read, and `cache/` keeps it as memory-mapped arrays.
"""
