"""A user's own code: found by name, captured with a sweep, identified by its content.

May import what is below the stages. Begin with `components.py`, from a name to a class;
`source.py` is the code as it travels to a worker.
"""
