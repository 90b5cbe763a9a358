"""The rate of exchange: how many bytes a GFLOP replaces at equal accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.results.intervals import Floats, t_quantile
from orchestrator.results.surface.surface import Surface


@dataclass(frozen=True)
class Exchange:
    """How many bytes a GFLOP replaces at equal accuracy, in one cell.

    Attributes:
        value: bytes per GFLOP, the ratio of the two slopes; NaN unless more bytes buy accuracy.
        low, high: Fieller's 95% interval; infinite if the seeds do not tell the slope of bytes from
            0, NaN with one seed.
    """

    value: float
    low: float
    high: float


def exchange_rate(surface: Surface, method: int, storage: int, compute: int) -> Exchange:
    """Return the exchange rate of a method between a cell and its next neighbours.

    Args:
        surface: with at least two budgets of each kind.
        method: its number.
        storage: number of the budget of storage, which is compared with the next.
        compute: number of the budget of computation, which is compared with the next.
    """
    values = surface.values[method]
    here = values[storage, compute]
    size = float(surface.storage[storage + 1] or 0) - float(surface.storage[storage] or 0)
    flops = surface.flops[method, compute + 1] - surface.flops[method, compute]
    per_byte = (values[storage + 1, compute] - here) / size
    per_gflop = (values[storage, compute + 1] - here) / (flops / 1e9)
    if not per_byte.mean() > 0:
        return Exchange(np.nan, np.nan, np.nan)
    return ratio_of_means(per_gflop, per_byte)


def ratio_of_means(above: Floats, below: Floats) -> Exchange:
    """Return the ratio of two means of paired values [S], with Fieller's 95% interval.

    Reference: Fieller, 1954, Some problems in interval estimation, JRSS B 16(2).
    """
    n, a, b = len(above), float(above.mean()), float(below.mean())
    if not np.isfinite(a + b) or b == 0:
        return Exchange(np.nan, np.nan, np.nan)
    if n < 2:
        return Exchange(a / b, np.nan, np.nan)
    (aa, ab), (_, bb) = np.cov(above, below) / n * float(t_quantile(n)) ** 2
    if b * b <= bb:  # the mean below is not told from 0, so that the ratio may be anything
        return Exchange(a / b, -np.inf, np.inf)
    middle, square = a * b - ab, b * b - bb
    root = np.sqrt(max(middle**2 - (a * a - aa) * square, 0.0))
    return Exchange(a / b, float((middle - root) / square), float((middle + root) / square))
