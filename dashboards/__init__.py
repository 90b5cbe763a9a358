"""Figures, pages and the report of results; all metrics and statistics come from `results`.

May import `orchestrator` below `cli`: `results` for numbers, `terminal` for text, `stages.storage`
for what is running, `tracking` for the picture of R and to attach a report to a run. Begin with
`data/warehouse.py`, then `charts`.
"""
