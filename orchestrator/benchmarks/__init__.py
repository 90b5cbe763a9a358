"""Benchmarks: data sets and the sequences of tasks made of them.

May import the top-level modules and `methods`. Begin with `benchmark.py`, the stream that a
sweep names; `recipes.py` describes its tasks, `tasks.py` builds their tensors from `datasets/`.
"""
