"""The objective of a search: arithmetic on figures, each to be maximised or minimised.

May import the top-level modules. Begin with `objective.py`; `expression.py` parses the arithmetic.
"""
