"""Sweeps: a YAML file, read safely and checked whole, becomes trials and groups to search.

May import `stages` and what is below it. Begin with `sweep.py`; `trial.py` says what a trial is.
"""
