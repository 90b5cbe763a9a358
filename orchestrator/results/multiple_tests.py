"""Holm's correction of p-values for their number, and for a row that was chosen by its values.

SciPy has corrections of the false discovery rate alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orchestrator.results.intervals import Floats
from orchestrator.results.statistics import paired_differences

MAX_ROWS = 1000  # with more, the p-values of all pairs are not computed


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Return p-values corrected for their number, in the order given; NaN is not counted.

    The k-th smallest of m p-values is multiplied by m - k + 1. The result is at most 1 and at least
    that of the next smaller p-value.

    Reference: Holm, 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    p = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(factors * p[order]))
    return corrected


def holm_against_best(values: Floats, chosen: int) -> Floats:
    """Return p-values of all rows against a row that the same values chose.

    The pairs of the chosen row are among all K (K - 1) / 2 pairs. Holm's correction for all pairs
    bounds the probability of any false rejection by 0.05, however the row was chosen. A test of the
    largest of 10 equal rows on 5 seeds against the others, corrected for 9 tests only, rejects
    falsely 11 times in 100. Above 1,000 rows each p-value is multiplied by the number of pairs,
    which gives no smaller p-values than Holm's correction.

    Args:
        values: shape [K, S], a column for each seed.
        chosen: index of the chosen row; its own p-value is NaN.
    """
    k = len(values)
    own = paired_differences(values, values[chosen]).p
    own[chosen] = np.nan
    if k > MAX_ROWS:
        return np.minimum(1, own * (k * (k - 1) // 2))
    pairs = [paired_differences(values[i + 1 :], values[i]).p for i in range(k - 1)]
    corrected = holm(np.concatenate(pairs)) if pairs else np.empty(0)
    # Pair (i, j), i < j, is at starts[i] + j - i - 1 of `corrected`.
    starts = np.cumsum([0, *map(len, pairs)])
    result = np.full(k, np.nan)
    result[chosen + 1 :] = corrected[starts[chosen] : starts[chosen] + k - chosen - 1]
    for i in range(chosen):
        result[i] = corrected[starts[i] + chosen - i - 1]
    return result
