"""Stages: one task learned by one method, from its key to its files in the store.

May import `networks`, `benchmarks`, `methods` and the top-level modules. Begin with `stage.py` and
`keys.py`, then `run_stage.py`, and `worker.py`, which runs a stage against the store. `learning/`
has the training loop, `storage/` the store, `code/` the user's own classes.
"""
