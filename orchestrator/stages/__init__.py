"""Stages: one task learned by one method, from what its key is made of to what is stored.

May import `networks`, `benchmarks`, `methods` and the top-level modules. Begin with `stage.py` (the
key), then `run_stage.py` and `learner.py` (the training loop); `store.py` keeps states and records,
`worker.py` runs one stage against the store.
"""
