"""What several methods share: penalties, importances, memories and their policies, a generator.

May import `methods.base` alone, and torch and numpy. Begin with `anchoring.py` for penalties and
`memory.py` for stored examples.
"""
