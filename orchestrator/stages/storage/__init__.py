"""The store of stages: states and records by key, on a disk or in a bucket.

May import the record of a stage, and what is below the stages. Begin with `store.py`;
`stage_files.py` says which files a stage is, `record_format.py` what a record is in JSON, and
`files.py` how a file becomes visible only when complete.
"""
