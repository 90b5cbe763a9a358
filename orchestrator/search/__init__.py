"""Search and evaluation of a sweep: candidates are drawn, raced and ranked on validation data.

May import `results` and what is below it. Begin with `search.py`, then `study.py`: the searches of
all groups; `group_search.py` is one of them, and `ports.py` has the interfaces of samplers and
schedulers.
"""
