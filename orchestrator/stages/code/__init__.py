"""A user's own code: found by name, captured with a sweep, identified by its content.

May import what is below the stages. Begin with `classes.py`, from a name to a class; `identity.py`
is what a key holds of its code, `source.py` the code as it travels to a worker.
"""
