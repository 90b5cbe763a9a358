"""Tables of marginal and exchange rates, with intervals, as text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from orchestrator.results.statistics import Floats
from orchestrator.results.surface.rates import exchange_rate, marginal_rates
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.surface_findings import cell_name
from orchestrator.terminal.surface_tables import compute_name, storage_name
from orchestrator.terminal.units import UNDEFINED, interval_text, si_text


def rates_table(surface: Surface) -> pd.DataFrame:
    """Return the gain from doubling each budget, a row per method and neighbouring cells.

    Columns: `method`, `doubling of` (bytes or FLOPs), `from`, `to`, `at` (the other budget) and
    `per doubling`, the change of the metric with its 95% interval. Rows without a value, where a
    cell is not complete, are left out.
    """
    rates = marginal_rates(surface)
    storage, compute = (
        list(map(storage_name, surface.storage)),
        list(map(compute_name, surface.compute)),
    )
    rows = [
        *rate_rows(rates.storage, rates.storage_half, "bytes", storage, compute),
        *rate_rows(
            rates.compute.swapaxes(1, 2),
            rates.compute_half.swapaxes(1, 2),
            "FLOPs",
            compute,
            storage,
        ),
    ]
    columns = ["method", "doubling of", "from", "to", "at", "per doubling"]
    return pd.DataFrame(
        [(surface.methods[m], *rest) for m, *rest in sorted(rows, key=lambda row: row[0])],
        columns=columns,
    )


def rate_rows(
    rates: Floats, half: Floats, what: str, along: list[str], across: list[str]
) -> Iterator[tuple[int, str, str, str, str, str]]:
    """Yield the rows of rates [M, along - 1, across] that are not NaN, with the method's number."""
    for m, i, j in np.argwhere(np.isfinite(rates)).tolist():
        text = interval_text(float(rates[m, i, j]), float(half[m, i, j]))
        yield m, what, along[i], along[i + 1], across[j], text


def exchange_table(surface: Surface) -> pd.DataFrame:
    """Return the bytes that one GFLOP replaces at equal accuracy: a row per method and cell.

    Columns: `method`, `at` (the cell, compared with its next neighbours), `1 GFLOP replaces`, and
    `interval`, Fieller's at 95%. Cells in which more bytes buy no accuracy are left out.
    """
    rows = []
    shape = [max(0, len(axis) - 1) for axis in (surface.storage, surface.compute)]
    for m, a, b in np.ndindex(len(surface.methods), *shape):
        rate = exchange_rate(surface, m, a, b)
        if np.isfinite(rate.value):
            ends = [exchange_text(each) for each in (rate.low, rate.high)]
            rows.append(
                (
                    surface.methods[m],
                    cell_name(surface, a, b),
                    si_text(rate.value, "B"),
                    UNDEFINED if np.isnan(rate.low) else f"[{', '.join(ends)}]",
                )
            )
    return pd.DataFrame(rows, columns=["method", "at", "1 GFLOP replaces", "interval"])


def exchange_text(size: float) -> str:
    """Return an end of an interval in bytes; an infinite one has no unit."""
    return si_text(size, "B") if np.isfinite(size) else f"{'−' if size < 0 else ''}∞"
