"""Search: candidates drawn from the spaces of a sweep, raced and ranked on validation data.

May import `results` and what is below it. Begin with `study.py`, all searches of a sweep;
`group_search.py` is one of them, and `ports.py` says what samplers and schedulers must do.
"""
