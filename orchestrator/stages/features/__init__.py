"""Features of images under a frozen body: computed once in shards, kept in the store, and shared.

May import the stage, `learning`, the store, and what is below them. Begin with `learned_parts.py`,
which says what a trial on such a network learns on; `feature_task.py` is one shard, `attach.py`
finds them.
"""
