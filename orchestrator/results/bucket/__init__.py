"""A results folder in a bucket, worked on in a local copy: fetched, and published.

May import `folder`, `pack` and `addresses` beside it and what is below the results. Begin with
`sweep_copy.py`, which keeps a copy and its bucket equal; `home.py` is what a run opens.
"""
