"""Text for a terminal: comparisons, plans, one trial, and the progress of a run.

May import `results` and what is below it. Begin with `rendering.py`.
"""
