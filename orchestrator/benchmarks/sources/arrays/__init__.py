"""Arrays of data as they were read, checked and brought to one form: images, features, labels.

May import what is below the benchmarks. Begin with `arrays.py`, the arrays before and after, and
`preparation.py`, from the one to the other.
"""
