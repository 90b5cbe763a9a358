"""Text for a terminal: comparisons, plans, one trial, and the progress of a run.

May import `results` and what is below it. Begin with `screen.py`, the live line of a run, and
`trial_page.py`; `comparison/` has comparisons in all formats.
"""
