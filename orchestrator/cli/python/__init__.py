"""Sweeps and results from Python: what `import orchestrator` offers.

May import the rest of `cli` and what is below it, the dashboards included. Only
`orchestrator/__init__.py` imports it, and not before a name is asked for. Begin with `sweep.py`,
then `results.py`.
"""
