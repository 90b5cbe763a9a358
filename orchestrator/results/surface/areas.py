"""Areas under accuracy against one budget at a fixed other, and volumes."""

from __future__ import annotations

import numpy as np

from orchestrator.results.intervals import Floats
from orchestrator.results.surface.surface import Surface


def area(values: Floats, budgets: Floats) -> Floats:
    """Return the area under values against the logarithm of budgets, divided by its range.

    Trapezoids between the budgets; a single budget gives its value. NaN if any value is.

    Args:
        values: [..., A, S]; the area is over A, by seed.
        budgets: [A], rising.

    Reference: the area under the curve (AUC-A, AUC-L) of Zhou et al. 2024, TPAMI, memory-agnostic
    measures. Deviations: theirs is linear in bytes of one range; here logarithms are used, so that
    a doubling counts alike wherever it is.
    """
    if len(budgets) == 1:
        return values[..., 0, :]
    x = np.log2(budgets)
    return np.asarray(np.trapezoid(values, x, axis=-2) / (x[-1] - x[0]))


def storage_areas(surface: Surface) -> Floats:
    """Return the area of accuracy against bytes at each computation, by seed [M, B, S].

    Over the budgets at which the method fits; those below are counted as 0, since there it has
    nothing to show.
    """
    values = _zero_where_infeasible(surface)
    return area(np.moveaxis(values, 1, 2), _budgets(surface.storage))


def compute_areas(surface: Surface) -> Floats:
    """Return the area of accuracy against FLOPs at each storage, by seed [M, A, S]."""
    return area(_zero_where_infeasible(surface), _budgets(surface.compute))


def volumes(surface: Surface) -> Floats:
    """Return the hypervolume of each method over both budgets, by seed [M, S], at most 1.

    The share of the box of log bytes, log FLOPs and accuracy that its cells dominate: a larger
    budget may be spent as a smaller one. So it is the area under the running maximum.
    """
    return _volume(_zero_where_infeasible(surface), surface)


def front_volume(surface: Surface) -> Floats:
    """Return the hypervolume of all methods together, by seed [S], at most 1.

    In each cell it is the method of the largest mean that counts, so that the seeds tell how
    certain the volume is and choose nothing. A cell in which no method is complete counts as 0.
    NaN if a method is above its budget in a cell, which it might be the best of.
    """
    if surface.excess.any():
        return np.full(len(surface.seeds), np.nan)
    mean = np.where(np.isfinite(surface.mean), surface.mean, -np.inf)
    best = np.argmax(mean, axis=0)[None, ..., None]
    values = np.take_along_axis(surface.values, best, axis=0)[0]
    nowhere = np.isneginf(mean).all(axis=0)
    return _volume(np.where(np.expand_dims(nowhere, -1), 0.0, values), surface)


def _volume(values: Floats, surface: Surface) -> Floats:
    """Return the area under the running maximum of values [..., A, B, S] over both budgets."""
    best = np.maximum.accumulate(values, axis=-2)
    best = np.maximum.accumulate(best, axis=-3)
    over_compute = area(best, _budgets(surface.compute))
    return area(over_compute, _budgets(surface.storage))


def _zero_where_infeasible(surface: Surface) -> Floats:
    return np.where(surface.infeasible[..., None], 0.0, surface.values)


def _budgets(axis: tuple[float | int | None, ...]) -> Floats:
    return np.array([1.0 if each is None else each for each in axis])
