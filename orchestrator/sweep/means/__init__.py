"""Equal means: the storage and the computation that every method of a sweep gets alike.

May import what the sweep may. Begin with `means.py`, the section of the file, then `cells.py`.
`storage.py` and `steps.py` are the arithmetic of the two dials.
"""
