"""Storms a small sweep with faults at random moments, and compares its tables with calm ones.

`python -m perf.chaos --minutes N --seed S` prints what was drawn, and counts: stages requested,
computed, repeated, lost (0) and wrong (0). Begin reading at `__main__.py`; `faults.py` has the
faults, `lab.py` the sweep and the counts, `flaky.py` the servers that misbehave.
"""
