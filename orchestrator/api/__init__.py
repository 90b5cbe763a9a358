"""Sweeps and results from Python: what `import orchestrator` offers.

May import every other package, the dashboards included; only `orchestrator/__init__.py` imports it,
and not before a name is asked for. Begin with `sweep.py`, then `results.py`.
"""
