"""Sweeps: a YAML file, read safely and checked whole, becomes trials and groups to search.

May import `stages` and what is below it. Begin with `sweep.py`, then `entries.py` and `section.py`
(trials and groups) and `search_section.py` (the search); `trial.py` defines a trial.
"""
