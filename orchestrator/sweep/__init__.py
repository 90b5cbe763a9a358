"""Sweeps: a YAML file, read safely and checked whole, becomes trials and groups to search.

May import `stages` and what is below it. Begin with `sweep.py`, then `entries.py` and `section.py`
(trials and groups); `trial.py` defines a trial. `reading/` has plain data, `spaces/` what is
searched, `search_section/` how, and `objective/` by what candidates are ranked.
"""
