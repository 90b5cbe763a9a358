"""Marginal rates: what a doubling of bytes or of FLOPs buys, and what one is worth in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from orchestrator.results.statistics import Floats
from orchestrator.results.surface.surface import Surface, half_width


@dataclass(frozen=True, eq=False)
class Rates:
    """Rates between neighbouring cells of each method, with 95% intervals over seeds.

    Attributes:
        storage: accuracy per doubling of bytes [M, A - 1, B], from each budget to the next.
        storage_half: half of its interval.
        compute: accuracy per doubling of FLOPs [M, A, B - 1].
        compute_half: half of its interval.
    """

    storage: Floats
    storage_half: Floats
    compute: Floats
    compute_half: Floats


def marginal_rates(surface: Surface) -> Rates:
    """Return the rates of a surface; NaN where a cell is not complete, empty along a free axis."""
    by_storage, by_compute = rates_by_seed(surface)
    return Rates(
        by_storage.mean(axis=-1),
        half_width(by_storage),
        by_compute.mean(axis=-1),
        half_width(by_compute),
    )


def rates_by_seed(surface: Surface) -> tuple[Floats, Floats]:
    """Return accuracy per doubling of bytes [M, A - 1, B, S], and of FLOPs [M, A, B - 1, S]."""
    storage, compute = (np.array(axis, dtype=float) for axis in (surface.storage, surface.compute))
    return per_doubling(surface.values, storage, 1), per_doubling(surface.values, compute, 2)


def mean_over_cells(rates: Floats) -> Floats:
    """Return the means over cells [M, S] of rates by seed [M, ..., S]; NaN if there is none.

    A rate that is not known for every seed is left out, so that all seeds have the same cells.
    """
    by_cell = rates.reshape(len(rates), -1, rates.shape[-1])
    known = np.isfinite(by_cell).all(axis=-1, keepdims=True)
    count = known.sum(axis=1)
    return np.asarray(np.where(known, by_cell, 0).sum(axis=1) / np.where(count, count, np.nan))


def per_doubling(values: Floats, budgets: Floats, axis: int) -> Floats:
    """Return the change of values between neighbouring budgets, per doubling of the budget."""
    doublings = np.diff(np.log2(budgets))
    shape = [1] * values.ndim
    shape[axis] = len(doublings)
    return np.asarray(np.diff(values, axis=axis) / doublings.reshape(shape))


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
    flops = surface.flops[compute + 1] - surface.flops[compute]
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
    (aa, ab), (_, bb) = np.cov(above, below) / n * float(stdtrit(n - 1, 0.975)) ** 2
    if b * b <= bb:  # the mean below is not told from 0, so that the ratio may be anything
        return Exchange(a / b, -np.inf, np.inf)
    middle, square = a * b - ab, b * b - bb
    root = np.sqrt(max(middle**2 - (a * a - aa) * square, 0.0))
    return Exchange(a / b, float((middle - root) / square), float((middle + root) / square))
