"""Data of the user's own: the forms that a sweep can give, and the cache of their arrays.

May import the top-level modules, `methods` and `benchmarks.dataset_files`. Begin with
`own_data.py`, the data set that a benchmark holds; a file a form reads its files; `arrays.py`
checks what was read, and `cache.py` keeps it as memory-mapped arrays (`array_files.py`).
"""
