"""Features of images under a frozen body: computed once in shards, kept in the store, and shared.

May import `code`, `learning`, `storage`, the stage, its record and the descriptions of a worker
(`environment.py`, `this_worker.py`, `usage.py`), and what is below the stages. Begin with
`feature_inputs.py`, which says what a trial on such a network learns on; `feature_task.py` is one
shard, `attach.py` finds them.
"""
