"""Break-even: the computation from which on one method is at least as accurate as another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.results.intervals import Floats, half_width
from orchestrator.results.surface.surface import Surface

RETRAINING = "joint"  # the method that the others are held against
STEPS = 256  # at which an interval is searched for, between two budgets


@dataclass(frozen=True)
class Crossing:
    """The computation from which on one method is at least as accurate as another.

    Attributes:
        value: in epochs of fine-tuning; NaN if there is none.
        overtakes: whether it is behind with less computation, so that `value` is a crossing.
        low, high: its 95% interval over seeds; -inf and inf where the seeds do not tell the
            methods apart up to the smallest and the largest budget, NaN with one seed.
    """

    value: float
    overtakes: bool = False
    low: float = np.nan
    high: float = np.nan


def break_even(surface: Surface, method: int, other: int, storage: int) -> Crossing:
    """Return the computation from which on `other` is at least as accurate as a method.

    Interpolated between the budgets on a logarithmic axis; the first crossing after which it stays.
    There is none if it never is, or if either is nowhere complete. If it always is, there is no
    crossing either, and the value is the smallest budget at which both are complete, without an
    interval.

    Args:
        surface: with computation in its means.
        method: its number.
        other: number of the other, usually joint retraining.
        storage: number of the storage budget.
    """
    lead = surface.values[other, storage] - surface.values[method, storage]
    known = np.isfinite(lead).all(axis=-1)
    lead, x = lead[known], np.log2(np.array(surface.compute, dtype=float)[known])
    mean = lead.mean(axis=-1)
    if not len(lead) or mean[-1] < 0:
        return Crossing(np.nan)
    behind = np.flatnonzero(mean < 0)
    if not len(behind):
        return Crossing(float(2 ** x[0]))
    last = int(behind[-1])
    at = x[last] + mean[last] / (mean[last] - mean[last + 1]) * (x[last + 1] - x[last])
    return Crossing(float(2**at), True, *crossing_interval(lead, x, at))


def crossing_interval(lead: Floats, x: Floats, at: float) -> tuple[float, float]:
    """Return the interval of a crossing: where a paired t-test does not tell the lead from 0.

    It ends where the mean of the interpolated lead of each seed is below 0 beyond its 95% interval,
    and where it is above; as Fieller's interval does for one line.

    Args:
        lead: of the other method, by budget and seed [B, S].
        x: logarithms of the budgets [B], rising.
        at: logarithm of the crossing.

    Returns:
        Its ends in epochs of fine-tuning; -inf or inf where there is none within the budgets, NaN
        with one seed.
    """
    if lead.shape[1] < 2:
        return np.nan, np.nan
    places = np.linspace(x[0], x[-1], STEPS * (len(x) - 1) + 1)
    between = np.stack([np.interp(places, x, seed) for seed in lead.T], axis=-1)
    mean, half = between.mean(axis=-1), half_width(between)
    below = places[(places < at) & (mean + half < 0)]
    above = places[(places > at) & (mean - half > 0)]
    low = float(2 ** below[-1]) if len(below) else -np.inf
    return low, float(2 ** above[0]) if len(above) else np.inf
