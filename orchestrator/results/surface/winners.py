"""The winner of each cell, with the methods that are not told apart from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.results.best import LEVEL
from orchestrator.results.intervals import Floats
from orchestrator.results.multiple_tests import holm_against_best
from orchestrator.results.statistics import ROUNDING
from orchestrator.results.surface.surface import Surface


@dataclass(frozen=True)
class WinningCell:
    """The best of a cell.

    Attributes:
        place: numbers of its storage and its computation.
        best: number of the method of the largest mean; None if none is complete.
        ties: numbers of the methods whose difference from it has a corrected p of at least 0.05, or
            none at all, the best included, from the best on.
    """

    place: tuple[int, int]
    best: int | None
    ties: tuple[int, ...] = ()


def winner_map(surface: Surface) -> list[WinningCell]:
    """Return the winner of each cell, storage first.

    Differences are paired by seed; that the best was chosen by the same values is corrected for,
    see `holm_against_best`. With one seed nothing is told apart.
    """
    cells = np.ndindex(surface.infeasible.shape[1:])
    return [winning_cell(surface, (int(a), int(b))) for a, b in cells]


def winning_cell(surface: Surface, place: tuple[int, int]) -> WinningCell:
    """Return the winner of one cell."""
    mean = surface.mean[:, *place]
    known = np.flatnonzero(np.isfinite(mean))
    if not len(known):
        return WinningCell(place, None)
    order = known[np.argsort(-mean[known], kind="stable")]
    tied = tie_mask(surface.values[order][:, *place])
    return WinningCell(place, int(order[0]), tuple(int(i) for i in order[tied]))


def tie_mask(values: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return, for each row, whether it does not differ significantly from the first, the best.

    Args:
        values: [K, S], a column for each seed.
    """
    # A p that is not defined shows no difference, unless all seeds differ by the same amount.
    p = holm_against_best(values, 0)
    tied = (p >= LEVEL) | np.isnan(p)
    if values.shape[-1] > 1:
        behind = values[0] - values
        constant = np.ptp(behind, axis=-1) < ROUNDING
        tied &= ~(constant & (np.abs(behind[:, 0]) >= ROUNDING))
    tied[0] = True
    return np.asarray(tied)
