"""Spaces of hyperparameters: domains and their kinds, and their places in a section.

May import `reading` beside it and what is below the sweeps. Begin with `domains.py`;
`split_fields.py` reads the spaces of a section.
"""
