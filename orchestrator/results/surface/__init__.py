"""The surface of a sweep with means: accuracy over bytes and FLOPs, and what follows from it.

May import the results beside it and what is below them. Begin with `surface.py`, the cells by
seed; the other files are questions that it answers.
"""
