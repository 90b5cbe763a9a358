"""Stages: one task learned by one method, from its key to its files in the store.

May import `networks`, `benchmarks`, `methods` and the top-level modules. Begin with `stage.py` and
`keys.py`, `run_stage.py` and `learner.py` (the training loop), then `worker.py`, which runs a stage
against `store.py`. A user's own classes: `components.py`, then `capture.py` and `source.py`.
"""
