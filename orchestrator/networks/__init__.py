"""Networks a sweep can name, a file a family, and the base class of a user's own.

May import `benchmarks` and what is below it. Begin with `base.py`, the contract; `networks.py` has
the table of names.
"""
