"""Results: the Parquet tables of a sweep, and what is computed from them.

May import `graph` and what is below it. Begin with `results.py`; `tables.py` has the columns,
`comparison.py` compares methods and `statistics.py` tests their differences.
"""
