"""Plain data from a sweep file: YAML read safely, typed dataclasses, and the mistakes of both.

May import the top-level modules. Begin with `yaml_file.py`, then `decoding.py`; `mistakes.py` has
the messages.
"""
