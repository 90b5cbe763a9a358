"""Accuracy over bytes and FLOPs: the results of a sweep with equal means.

May import its neighbours in results and what is below them. Begin with `surface.py`, which has the
accuracy of each cell and seed. Each other file computes one quantity from it, such as rates.
"""
