"""The sensitivity of a network's outputs to each parameter, which is what makes one important.

May import torch, `methods.base` and what is beside it in `parts`. Begin with `sensitivity.py`, the
mean over examples; `fisher.py` is the Fisher information.
"""
