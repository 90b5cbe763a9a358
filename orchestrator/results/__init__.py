"""Results: the Parquet tables of a sweep, read from the store, and what they say.

May import `graph` and what is below it. Begin with `results.py`; `tables.py` has the columns,
`comparison.py` compares methods and `statistics.py` tests their differences.
"""
