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
            methods apart with the smallest and the largest budget, NaN with one seed.
        least, most: the smallest and the largest budget at which both are complete; NaN if there
            is none.
    """

    value: float
    overtakes: bool = False
    low: float = np.nan
    high: float = np.nan
    least: float = np.nan
    most: float = np.nan


def retraining_rivals(surface: Surface) -> dict[int, list[int]]:
    """Return number of each joint retraining -> those of the other methods with its network.

    The unit of computation is a network's, so that methods with another one have other means.
    """
    joint = [m for m, kind in enumerate(surface.kinds) if kind == RETRAINING]
    others = [m for m in range(len(surface.kinds)) if m not in joint]
    networks = surface.networks
    return {own: [m for m in others if networks[m] == networks[own]] for own in joint}


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
    if not known.any():
        return Crossing(np.nan)
    budgets = np.array(surface.compute, dtype=float)[known]
    least, most = float(budgets[0]), float(budgets[-1])
    lead, x = lead[known], np.log2(budgets)
    mean = lead.mean(axis=-1)
    if mean[-1] < 0:
        return Crossing(np.nan, least=least, most=most)
    behind = np.flatnonzero(mean < 0)
    if not len(behind):
        return Crossing(least, least=least, most=most)
    last = int(behind[-1])
    at = x[last] + mean[last] / (mean[last] - mean[last + 1]) * (x[last + 1] - x[last])
    return Crossing(float(2**at), True, *crossing_interval(lead, x, at), least, most)


def crossing_interval(lead: Floats, x: Floats, at: float) -> tuple[float, float]:
    """Return the interval of a crossing: where a paired t-test does not tell the lead from 0.

    It reaches from the first to the last computation at which the 95% interval of the lead, which
    is interpolated for each seed, holds 0; for one line this is Fieller's interval. So every
    budget outside the interval tells the lead from 0. A place between two budgets that do not tell
    it is inside: the lines of the seeds may meet there, which makes their spread small.

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
    same = places[np.abs(between.mean(axis=-1)) <= half_width(between)]
    first, last = min([at, *same]), max([at, *same])
    low = float(2**first) if first > x[0] else -np.inf
    return low, float(2**last) if last < x[-1] else np.inf
