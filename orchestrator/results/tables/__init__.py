"""The tables of a sweep: their columns, computed from the store, written and read as Parquet.

May import `names` beside it, `metrics.py`, `r_matrix.py`, and what is below the results.
Begin with `schemas.py`, the columns, then `collect.py`.
"""
