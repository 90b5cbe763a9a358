"""The section `search` of a sweep file: its options, and its checks against the other sections.

May import `reading`, `spaces` and `objective` beside it, `section.py`, `group.py` and `options.py`,
and what is below the sweeps. Begin with `search.py`, then `read_search.py`.
"""
