"""Metrics of a matrix R: accuracy, transfer and forgetting, each a pure function of R.

`r` has shape [T+1, T]: `r[after, task - 1]` is the accuracy on task 1..T after `after` tasks 0..T.
Row 0 is the untrained network. NaN marks a cell that was not measured or cannot be; a metric that
reads such a cell is NaN, and a metric that has no meaning is NaN, never 0. R may be empty, of shape
[1, 0]: after no task every metric is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from orchestrator.columns import METRICS, explain_undefined_fwt
from orchestrator.results.intervals import half_interval

R = NDArray[np.float64]


def acc(r: R) -> float:
    """Return the average accuracy after the last task: `mean_i R[T, i]`.

    Reference: Lopez-Paz and Ranzato, 2017, Gradient Episodic Memory, eq. 2.
    Deviations: none.
    """
    return _mean(_check_shape(r)[-1])


def average_incremental_accuracy(r: R) -> float:
    """Return the mean over stages of the accuracy on the tasks seen: `mean_k mean_{i<=k} R[k, i]`.

    Reference: Rebuffi et al., 2017, iCaRL, section 4.1, average incremental accuracy.
    Deviations: each task counts alike, as in `acc`; the paper counts each test example alike, which
    is the same where tasks have equally many. `accuracy_seen` has both.
    """
    return _mean(accuracy_seen(r))


def accuracy_seen(r: R, num_examples: R | None = None) -> R:
    """Return the accuracy on the tasks seen after 1..T tasks: shape [T].

    Args:
        r: R.
        num_examples: of each task [T]; a task then counts by its number. None: all alike.

    Reference: Rebuffi et al., 2017, iCaRL, section 4.1.
    Deviations: none, with `num_examples`.
    """
    seen = _tasks_seen(_check_shape(r).shape[1])
    if num_examples is not None:
        seen = seen * num_examples
    learned = np.where(seen > 0, r[1:], 0.0)  # NaN above the diagonal is of no task seen
    return np.asarray((learned * seen).sum(axis=1) / seen.sum(axis=1))


def bwt(r: R) -> float:
    """Return backward transfer: `1/(T-1) sum_{i<T} (R[T, i] - R[i, i])`; NaN at T = 1.

    Reference: Lopez-Paz and Ranzato, 2017, Gradient Episodic Memory, eq. 3.
    Deviations: none from the paper; its code divides by T, so gives (T-1)/T of this.
    """
    return _mean(_check_shape(r)[-1, :-1] - _diagonal(r)[:-1])


def fwt(r: R, scenario: str) -> float:
    """Return forward transfer: `1/(T-1) sum_{i>=2} (R[i-1, i] - R[0, i])`.

    NaN where `explain_undefined_fwt` gives a reason.

    Reference: Lopez-Paz and Ranzato, 2017, Gradient Episodic Memory, eq. 4.
    Deviations: the baseline is the very network that training began from, not an average over
    initialisations; NaN in the class-incremental scenario, where the formula ignores the method.
    """
    if explain_undefined_fwt(scenario, _check_shape(r).shape[1]) is not None:
        return float("nan")
    return _mean(_accuracy_before_learning(r) - r[0, 1:])


def forgetting(r: R) -> float:
    """Return average forgetting: `mean_{i<T} (max_{i<=l<T} R[l, i] - R[T, i])`; NaN at T = 1.

    Reference: Chaudhry et al., 2018, Riemannian Walk for Incremental Learning,
    section 3, forgetting measure.
    Deviations: the maximum starts when the task is learned (l >= i), not before: a lucky untrained
    network is nothing to forget. It ends before the last row, so forgetting can be negative.
    """
    num_tasks = _check_shape(r).shape[1]
    # Rows i..T-1: after the task is learned, and before the last task is.
    best = np.array([r[i:num_tasks, i - 1].max() for i in range(1, num_tasks)])
    return _mean(best - r[-1, :-1])


def learning_accuracy(r: R) -> float:
    """Return the mean accuracy on each task when just learned: `mean_i R[i, i]`.

    Reference: Riemer et al., 2019, Learning to Learn without Forgetting by Maximizing Transfer
    and Minimizing Interference, its measure LA.
    Deviations: none.
    """
    return _mean(_diagonal(r))


def r_after(r: R, after: int) -> R:
    """Return R as it was after `after` tasks, over those tasks: shape [after+1, after].

    Reference: Chaudhry et al., 2018, section 3, whose measures are indexed by the tasks met so far.
    Deviations: none.
    """
    if not 0 <= after <= _check_shape(r).shape[1]:
        raise ValueError(f"after={after} is outside 0..{r.shape[1]}")
    return r[: after + 1, :after]


# Every metric by its column, as a function of R and the scenario; `columns.METRIC_COLUMNS` has the
# labels.
FUNCTIONS: dict[str, Callable[[R, str], float]] = {
    "acc": lambda r, scenario: acc(r),
    "average_incremental_accuracy": lambda r, scenario: average_incremental_accuracy(r),
    "bwt": lambda r, scenario: bwt(r),
    "fwt": fwt,
    "forgetting": lambda r, scenario: forgetting(r),
    "learning_accuracy": lambda r, scenario: learning_accuracy(r),
}


def metrics_after(r: R, after: int, scenario: str) -> dict[str, float]:
    """Return every metric by its column name, after `after` tasks over the first `after` tasks.

    Reference: see each metric.
    Deviations: see each metric.
    """
    learned = r_after(r, after)
    return {name: FUNCTIONS[name](learned, scenario) for name in METRICS}


def mean_std_interval(values: R) -> tuple[float, float, float]:
    """Return mean, standard deviation and half-width of the 95% interval of the mean of n values.

    `s = sqrt(sum (x - mean)^2 / (n-1))`, half-width `t_{n-1}(0.975) s / sqrt(n)`.
    The last two are NaN at n = 1; all are NaN if any value is.

    Reference: Student, 1908, The Probable Error of a Mean.
    Deviations: none.
    """
    n = len(values)
    if n < 2:
        return _mean(values), float("nan"), float("nan")
    std = float(np.std(values, ddof=1))
    return _mean(values), std, float(half_interval(std, n))


def _check_shape(r: R) -> R:
    if r.ndim != 2 or r.shape[0] != r.shape[1] + 1:
        raise ValueError(
            f"R has shape {r.shape}; expected [T+1, T] with the untrained network first"
        )
    return r


@cache
def _tasks_seen(num_tasks: int) -> R:
    """Return 1 where a row, after 1..T tasks, has seen a column's task, else 0: shape [T, T]."""
    return np.tril(np.ones((num_tasks, num_tasks)))


def _diagonal(r: R) -> R:
    """Return R[i, i] for i = 1..T: shape [T]."""
    return _check_shape(r).diagonal(-1)


def _accuracy_before_learning(r: R) -> R:
    """Return R[i-1, i] for i = 2..T: shape [T-1]."""
    return _check_shape(r).diagonal()[1:]


def _mean(values: R) -> float:
    # The sum and quotient of np.mean, which takes several times as long on a few values.
    return float(values.sum() / len(values)) if len(values) else float("nan")
