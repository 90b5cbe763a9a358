"""Figures, pages and the report of results; all metrics and statistics come from `results`.

May import `orchestrator` below `cli`. Begin with `data/warehouse.py`, then `charts`.
"""
