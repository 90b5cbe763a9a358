"""A comparison as text: for a terminal, as Markdown, LaTeX, CSV and JSON.

May import the modules of `terminal`, and what is below it. Begin with `rendering.py`, with a
function for each format; `blocks.py` has the cells that all formats share.
"""
