"""Backends: where stages are computed, and Ray Tune's searchers and schedulers.

May import `search` and what is below it; only here is ray imported. Begin with `inline.py`, this
process; `ray_cluster.py` is the same on a Ray cluster.
"""
