"""What the dashboards ask of results: DuckDB queries over the Parquet tables of sweep folders."""
