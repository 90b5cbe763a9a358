"""The cache of data sets: their arrays in files, mapped into memory.

May import `sources.arrays`, `atomic_files.py`, `data_folder.py`, `processes.py` and what is below
the benchmarks. Begin with `cache.py`, which decides whether data is read again.
"""
