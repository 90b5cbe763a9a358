"""Queries of the dashboards: DuckDB over the Parquet tables of sweep folders."""
