"""The JSON Schema of a sweep file, of the classes that read it: editors complete and check by it.

What it refuses, reading refuses too; ranges, and what goes together, are for reading alone.
May import the rest of `orchestrator.sweep` and what is below it. Begin with `sweep_schema.py`.
"""
