"""Benchmarks: data sets and the sequences of tasks made of them.

May import the top-level modules and `methods`. Begin with `benchmark.py`, the stream a sweep names;
`tasks.py` makes the tensors of a task and `datasets.py` finds and reads the files.
"""
