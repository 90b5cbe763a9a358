"""The 95% Student-t interval of a mean: `mean ± t_{n-1}(0.975) s / sqrt(n)`.

Reference: Student, 1908, The Probable Error of a Mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of scipy.special, since scipy.stats takes most of a second to import.
from scipy.special import stdtr, stdtrit

Floats = NDArray[np.float64]
Counts = int | NDArray[np.number[Any]]


def t_quantile(n: Counts) -> Any:
    """Return t_{n-1}(0.975), which times the standard error of a mean is half of its interval.

    Args:
        n: number of values; at 1, where there is no interval, the quantile is that of 2.
    """
    return stdtrit(np.maximum(n - 1, 1), 0.975)


def t_test(t: Floats, n: Counts) -> Any:
    """Return the two-sided p-value of Student's t over n values; at 1 that of 2."""
    return 2 * stdtr(np.maximum(n - 1, 1), -np.abs(t))


def half_interval(std: Any, n: Counts) -> Any:
    """Return half of the interval of a mean over n values.

    Args:
        std: their standard deviation, with n - 1 degrees of freedom; NaN at n = 1.
        n: number of values, of the shape of `std` or one for all.
    """
    return t_quantile(n) * std / np.sqrt(n)


def half_width(values: Floats) -> Floats:
    """Return half of the interval of the mean over the last axis; NaN at n = 1 or with a NaN."""
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(half_interval(values.std(axis=-1, ddof=1), n))
