"""The data sets that a sweep can name, and those of its own, as tensors.

May import `sources`, `data_folder.py` and what is below the benchmarks. Begin with `dataset.py`,
from a name to tensors; `dataset_table.py` is the table of names, and `dataset_reading.py` reads
one.
"""
