"""Equal means: the storage and the computation that every method of a sweep gets alike.

May import `reading` beside it, `trial.py`, `options.py` and `misfits.py`, and what is below the
sweeps. Begin with `means.py`, the section of the file, then `cells.py`; `sweep/solve_means.py`
makes the cells of a sweep. `storage.py` is the arithmetic of the dial of storage, `chain_prices.py`
of that of computation, with `stages/learning/task_price.py`.
"""
