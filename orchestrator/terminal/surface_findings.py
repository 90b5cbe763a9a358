"""What a surface says, in sentences with numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from orchestrator.results.intervals import Floats, half_width
from orchestrator.results.surface.areas import (
    compute_areas,
    front_volume,
    storage_areas,
    volumes,
)
from orchestrator.results.surface.rate_cells import exchange_cells
from orchestrator.results.surface.rates import mean_over_cells, rates_by_seed
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import winner_map
from orchestrator.results.units import bytes_text, change_text, interval_text, listed_text
from orchestrator.terminal.break_even_text import describe_break_even
from orchestrator.terminal.surface_budgets import (
    describe_bodies,
    describe_excess,
    describe_infeasible,
    describe_networks,
    describe_unspent,
)
from orchestrator.terminal.surface_names import budget_text, cell_name

MOST_TIED, MOST_RANKED = 12, 5  # methods named in a sentence, which says how many more there are


def findings(surface: Surface) -> Iterator[str]:
    """Yield the findings of a surface: winners, budgets, areas, rates, exchange, break-even.

    Before them stands in what its sweeps differ, and that its networks do.
    """
    if surface.note:
        yield surface.note
    yield from describe_networks(surface)
    yield from describe_winners(surface)
    yield from describe_infeasible(surface)
    yield from describe_excess(surface)
    yield from describe_bodies(surface)
    yield from describe_unspent(surface)
    yield from describe_areas(surface)
    yield from describe_volumes(surface)
    yield from describe_rates(surface)
    yield from describe_exchange(surface)
    yield from describe_break_even(surface)


def describe_winners(surface: Surface) -> Iterator[str]:
    """Yield the number of cells that each method wins alone, and the number of ties."""
    cells = [cell for cell in winner_map(surface) if cell.best is not None]
    alone = Counter(cell.best for cell in cells if len(cell.ties) == 1)
    for method, count in alone.most_common():
        yield f"{surface.methods[method or 0]} is the best alone in {count} of {len(cells)} cells."
    tied = [cell for cell in cells if len(cell.ties) > 1]
    if tied:
        members = Counter(method for cell in tied for method in cell.ties)
        each = [f"{surface.methods[m]} in {n}" for m, n in members.most_common()]
        best = listed_text(each, MOST_TIED)
        yield f"{len(tied)} of {len(cells)} cells are ties; among the best are {best}."


def describe_volumes(surface: Surface) -> Iterator[str]:
    """Yield the methods in the order of their hypervolume, where both budgets vary."""
    if min(len(surface.storage), len(surface.compute)) < 2:
        return
    best, front = best_text(surface, volumes(surface)), front_volume(surface)
    if best:
        yield f"Hypervolume over both budgets (share of the box): {best}."
    elif not surface.asked.all():
        yield "Hypervolume over both budgets: of no method, since none was asked for in all cells."
    if np.isfinite(front).all() and front.any():
        together = interval_text(float(front.mean()), float(half_width(front)))
        # Else a method may be best where no other was asked for.
        cells = "" if surface.asked.all() else "; not all methods were asked for in all cells"
        yield f"Hypervolume of the best method of each cell: {together}{cells}."


def describe_areas(surface: Surface) -> Iterator[str]:
    """Yield the area under accuracy against each budget, at the most of the other, and its end."""
    for budgets, areas, what, rest in (
        (surface.storage, storage_areas(surface), "bytes", (None, surface.compute[-1])),
        (surface.compute, compute_areas(surface), "FLOPs", (surface.storage[-1], None)),
    ):
        if len(budgets) > 1 and (best := best_text(surface, areas[:, -1])):
            where = f" at {budget_text(*rest)}" if rest != (None, None) else ""
            yield f"Area under accuracy against the logarithm of {what}{where}: {best}."
    last = surface.values[:, -1, -1]
    if surface.values[0, ..., 0].size > 1 and (best := best_text(surface, last)):
        yield f"Accuracy at the largest budgets ({cell_name(surface, -1, -1)}): {best}."


def best_text(surface: Surface, by_seed: Floats) -> str:
    """Return the methods with the largest means of values [M, S], with their intervals."""
    mean, half = by_seed.mean(axis=-1), half_width(by_seed)
    order = [i for i in np.argsort(-mean, kind="stable") if np.isfinite(mean[i]) and mean[i] > 0]
    each = [f"{surface.methods[i]} {interval_text(mean[i], half[i])}" for i in order]
    return listed_text(each, MOST_RANKED)


def describe_rates(surface: Surface) -> Iterator[str]:
    """Yield the gain of each method from a doubling, averaged over its cells, with intervals."""
    for by_seed, what in zip(rates_by_seed(surface), ("bytes", "FLOPs"), strict=True):
        rates = mean_over_cells(by_seed)
        rows = zip(surface.methods, rates.mean(axis=-1), half_width(rates), strict=True)
        parts = [f"{name} {change_text(*rate)}" for name, *rate in rows if np.isfinite(rate[0])]
        if parts:
            yield f"Accuracy per doubling of {what}, over cells: {', '.join(parts)}."


def describe_exchange(surface: Surface) -> Iterator[str]:
    """Yield the number of bytes that a GFLOP replaces, where its interval is finite."""
    for cell in exchange_cells(surface):
        if cell.bounded and cell.low > 0:
            value, low, high = (bytes_text(each) for each in (cell.value, cell.low, cell.high))
            where = f"{surface.methods[cell.method]} at {cell_name(surface, *cell.place)}"
            yield f"For {where}, 1 GFLOP replaces {value} [{low}, {high}]."
