"""Names of trials and configurations: ids, labels and hyperparameters as text.

May import `pooling.py`, `siblings.py`, `variation.py` and what is below the results. Begin with
`naming.py`, the labels of a comparison.
"""
