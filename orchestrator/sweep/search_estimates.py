"""The FLOPs of a search within cells, before it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.sweep.means.cells import Cell
from orchestrator.sweep.means.estimates import estimate_budgets, estimate_free
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.spaces.domains import grid_points


def estimate_search(cells: Iterable[Cell], search: Search) -> float:
    """Return the FLOPs of the candidates of a search, if none is stopped and no stage is shared.

    It is an upper bound where computation has a budget: each candidate then spends that of its
    cell or less, on each seed of the search. Where it is free these are the steps of the network.

    Args:
        cells: those that are searched, and others.
        search: how candidates are drawn.
    """
    searched = (cell for cell in cells if cell.space and cell.outcome is None)
    return sum(count_candidates(cell, search) * candidate_flops(cell, search) for cell in searched)


def count_candidates(cell: Cell, search: Search) -> int:
    """Return the number of candidates of a cell, at most."""
    return search.num_trials or sum(1 for _ in grid_points(cell.space))


def candidate_flops(cell: Cell, search: Search) -> float:
    """Return the FLOPs of a candidate on all seeds of the search; see `estimate_search`."""
    if cell.budgets:
        return sum(sum(cell.budgets[seed][: search.on_tasks]) for seed in search.seeds)
    own = [replace(cell, trial=replace(cell.trial, seeds=search.seeds))]
    # Not priced yet, or free.
    before, _ = estimate_budgets(own) if cell.prices else estimate_free(own)
    return before
