"""The rates of a surface cell by cell, as its tables and figures show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np

from orchestrator.results.intervals import Floats
from orchestrator.results.surface.exchange import exchange_rate
from orchestrator.results.surface.rates import marginal_rates
from orchestrator.results.surface.surface import Surface


@dataclass(frozen=True)
class RateCell:
    """A rate of a method between a cell and its next neighbour, or neighbours.

    Attributes:
        method: its number.
        place: numbers of the storage and the computation of the cell.
        value: of the rate.
        low, high: its 95% interval over seeds; NaN with one seed, infinite where the seeds leave
            an exchange open.
    """

    method: int
    place: tuple[int, int]
    value: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether the interval is known and has two ends."""
        return isfinite(self.low) and isfinite(self.high)


def storage_cells(surface: Surface) -> list[RateCell]:
    """Return accuracy per doubling of bytes, from each cell to that of the next storage."""
    rates = marginal_rates(surface)
    return _known_cells(rates.storage, rates.storage_half)


def compute_cells(surface: Surface) -> list[RateCell]:
    """Return accuracy per doubling of FLOPs, from each cell to that of the next computation."""
    rates = marginal_rates(surface)
    return _known_cells(rates.compute, rates.compute_half)


def exchange_cells(surface: Surface) -> list[RateCell]:
    """Return the bytes that one GFLOP replaces, by the next storage and the next computation.

    Cells in which more bytes buy no accuracy are left out: there is nothing to replace.
    """
    shape = [max(0, len(axis) - 1) for axis in (surface.storage, surface.compute)]
    cells = []
    for m, a, b in np.ndindex(len(surface.methods), *shape):
        rate = exchange_rate(surface, m, a, b)
        if isfinite(rate.value):
            cells.append(RateCell(m, (a, b), rate.value, rate.low, rate.high))
    return cells


# Kind of rate -> the function that returns it cell by cell.
RATES: dict[str, Callable[[Surface], list[RateCell]]] = {
    "bytes": storage_cells,
    "FLOPs": compute_cells,
    "exchange": exchange_cells,
}


def _known_cells(rates: Floats, half: Floats) -> list[RateCell]:
    """Return the rates [M, A, B] that are not NaN, given half of their intervals."""
    return [
        RateCell(m, (a, b), rate, rate - float(half[m, a, b]), rate + float(half[m, a, b]))
        for m, a, b in np.argwhere(np.isfinite(rates)).tolist()
        for rate in [float(rates[m, a, b])]
    ]
