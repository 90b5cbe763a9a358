"""Storms a small sweep with faults at random moments, and compares its tables with calm ones.

`python -m perf.chaos --minutes N --seed S` prints what was drawn, and counts: stages requested,
computed, repeated, lost (0) and wrong (0). Begin reading at `rounds.py`; `faults.py` has the
faults, `grounds.py` where they happen, `lab.py` the sweep, `flaky.py` the servers that misbehave.
"""
