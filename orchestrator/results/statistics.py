"""Paired differences on common seeds: an interval, a p-value, a correction for asking often; ranks.

Two configurations on one seed share the tasks, the order and the first weights, so what differs
between them differs less by chance than either does alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit
from scipy.stats import bootstrap, rankdata

from orchestrator.hashing import digest_bytes

Floats = NDArray[np.float64]

RESAMPLES = 9999
FEWEST = 3  # seeds for an interval


@dataclass(frozen=True)
class Difference:
    """How much larger a metric is here than there, over n common seeds.

    Attributes:
        n: seeds on which both are defined.
        mean: of the differences; NaN at n = 0.
        low, high: 95% bootstrap interval of the mean; NaN below 3 seeds.
        p: two-sided, of no difference; NaN below 2 seeds.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float


def difference(here: Floats, there: Floats) -> Difference:
    """Return the paired difference of two rows of n values; pairs with a NaN do not count."""
    differences = here - there
    differences = differences[np.isfinite(differences)]
    n = len(differences)
    mean = float(differences.mean()) if n else float("nan")
    return Difference(n, mean, *bootstrap_interval(differences), paired_p(differences))


def bootstrap_interval(differences: Floats) -> tuple[float, float]:
    """Return the 95% interval of the mean by the bootstrap, NaN below 3 values.

    The percentile interval of so few values is much too narrow, so its quantiles are those that
    the t distribution asks for: Phi(-sqrt(n/(n-1)) t_{n-1}(0.975)). At n = 3 that is the range of
    the values. Resamples are drawn from a seed made of the values, so the same values give the
    same interval.

    Reference: Hesterberg, 2015, What Teachers Should Know About the Bootstrap, The American
    Statistician 69(4), its expanded percentile interval.
    """
    n = len(differences)
    if n < FEWEST:
        return float("nan"), float("nan")
    if np.ptp(differences) == 0:
        return float(differences[0]), float(differences[0])
    tail = float(ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))
    seed = int(digest_bytes(np.sort(differences).tobytes())[:16], 16)
    interval = bootstrap(
        (np.sort(differences),), np.mean, n_resamples=RESAMPLES, confidence_level=1 - 2 * tail,
        method="percentile", rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(interval.low), float(interval.high)


def paired_p(differences: Floats) -> float:
    """Return the two-sided p-value of Student's paired t-test, NaN below 2 values.

    `t = mean / (s / sqrt(n))` with n - 1 degrees of freedom. The exact test by flipping signs
    assumes less, but its smallest p-value is 2^(1-n): 0.25 on three seeds and 0.0625 on five, so
    on the seeds people run it can never say anything. The t-test asks that the differences be
    about normal; a metric is a mean over thousands of test examples and several tasks, and the
    intervals of the table ask the same. Differences that are all 0 give 1; all equal to something
    else, NaN, since nothing varies that a test could hold them against.

    Reference: Student, 1908, The Probable Error of a Mean; on few seeds, Colas et al., 2018, How
    Many Random Seeds?
    """
    n = len(differences)
    if n < 2:
        return float("nan")
    if np.ptp(differences) == 0:
        return 1.0 if differences[0] == 0 else float("nan")
    t = differences.mean() / (differences.std(ddof=1) / np.sqrt(n))
    return float(2 * stdtr(n - 1, -abs(t)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order given; NaN stays and is no test.

    Sorted, the k-th smallest of m is multiplied by m - k + 1, at most 1, never below the one
    before it.

    Reference: Holm, 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    corrected = [float("nan")] * len(p_values)
    tested = sorted((p, i) for i, p in enumerate(p_values) if not np.isnan(p))
    largest = 0.0
    for k, (p, i) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - k) * p))
        corrected[i] = largest
    return corrected


def ranks(values: Floats) -> Floats:
    """Return ranks in each row, 1 for the largest; equal values share the mean of their ranks.

    Args:
        values: [N, K], K methods in each of N settings, none NaN.

    Reference: Demšar, 2006, Statistical Comparisons of Classifiers over Multiple Data Sets,
    section 3.2.2; the mean over the first axis is its average rank.
    """
    return np.asarray(rankdata(-values, axis=1), dtype=np.float64)
