"""Building blocks shared by methods: penalties, importances, memories, a generator, layers.

May import torch, numpy, scipy, Pillow and `methods.base`. Begin with `anchoring.py` for penalties
and `memory.py` for stored examples.
"""
