"""The store of stages: states and records by key, on a disk or in a bucket.

May import records and keys of stages, and what is below them. Begin with `store.py`;
`stage_files.py` says which files a stage is, `files.py` how one becomes visible only when complete.
"""
