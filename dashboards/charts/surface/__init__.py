"""Charts of a sweep with means: winners, accuracy against each budget, and each method's grid.

They take a `results.surface.surface.Surface`. Begin with `winners.py`.
"""
