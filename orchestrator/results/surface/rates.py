"""Marginal rates: what a doubling of bytes or of FLOPs buys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.results.intervals import Floats, half_width
from orchestrator.results.surface.surface import Surface


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
    by_storage = divide_by_doublings(surface.values, storage, 1)
    return by_storage, divide_by_doublings(surface.values, compute, 2)


def mean_over_cells(rates: Floats) -> Floats:
    """Return the means over cells [M, S] of rates by seed [M, ..., S]; NaN if there is none.

    A rate that is not known for every seed is left out, so that all seeds have the same cells.
    """
    by_cell = rates.reshape(len(rates), -1, rates.shape[-1])
    known = np.isfinite(by_cell).all(axis=-1, keepdims=True)
    count = known.sum(axis=1)
    return np.asarray(np.where(known, by_cell, 0).sum(axis=1) / np.where(count, count, np.nan))


def divide_by_doublings(values: Floats, budgets: Floats, axis: int) -> Floats:
    """Return the change of values between neighbouring budgets, per doubling of the budget."""
    doublings = np.diff(np.log2(budgets))
    shape = [1] * values.ndim
    shape[axis] = len(doublings)
    return np.asarray(np.diff(values, axis=axis) / doublings.reshape(shape))
