"""Charts of a sweep with means: winners, accuracy against each budget, and each method's grid.

They take a `results.surface.surface.Surface`, and may import what `charts` may. Begin with
`winners.py`.
"""
