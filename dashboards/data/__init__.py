"""Queries of the dashboards: DuckDB over the Parquet tables of sweep folders.

May import `results` and what is below it. Begin with `warehouse.py`, which opens the tables; the
other files query it.
"""
