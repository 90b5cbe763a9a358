"""Results: the Parquet tables of a sweep, and what is computed from them.

May import `graph` and what is below it. Begin with `results.py`; `comparison.py` compares methods
and `contrasts.py` tests their differences. `tables/` has the tables, `folder/` the folder they are
in, `names/` the names of trials.
"""
