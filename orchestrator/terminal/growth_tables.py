"""Costs of a surface on a terminal: of the search, growth, and FLOPs against seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from rich.box import SIMPLE
from rich.console import RenderableType
from rich.table import Table

from orchestrator.results.agreement import Agreement, measured_costs, rank_agreements
from orchestrator.results.bodies import APART, BODY_APART
from orchestrator.results.growth import Growth, fit_cost
from orchestrator.results.results import Results
from orchestrator.results.surface.costs import cell_costs, search_costs, surface_trials
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import UNDEFINED, bytes_text, column_text, decimal_text, flops_text
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.surface_names import cell_name


def cost_tables(results: Results, surface: Surface) -> Iterator[RenderableType]:
    """Yield the costs of the search, growth in the cell of the largest budgets, and seconds."""
    if len(searched := search_costs(results, surface)):
        yield search_table(searched)
    place = len(surface.storage) - 1, len(surface.compute) - 1
    costs = cell_costs(results, surface, place)
    if len(costs):
        title = f"growth at {cell_name(surface, *place)}"
        yield growth_table(costs, title, surface.storage[place[0]])
    agreements = rank_agreements(measured_costs(surface_trials(results, surface)))
    if agreements:
        yield agreement_table(agreements)


def search_table(searched: pd.DataFrame) -> Table:
    """Return a table of the rows of `search_rows`."""
    heads, *rows = search_rows(searched)
    table = Table(*heads, box=SIMPLE)
    for name, *figures in rows:
        table.add_row(break_name(name), *figures)
    return table


def search_rows(searched: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the cost of each method's search within cells, beside its evaluation, as text.

    Args:
        searched: as from `search_costs`.

    Returns:
        Rows, the names of the columns first; none if nothing was searched.
    """
    heads = ("searched", "cells", "candidates", "FLOPs of the search", "of the evaluation")
    rows = [
        (
            str(row["method"]),
            *(f"{row[name]:,}" for name in ("cells", "candidates")),
            *(flops_text(row[name]) for name in ("search_flops", "evaluation_flops")),
        )
        for row in searched.to_dict("records")
    ]
    return [heads, *rows] if rows else []


def growth_table(costs: pd.DataFrame, title: str, budget: int | None) -> Table:
    """Return a row per method: its storage and computation as formulas in T, and with more tasks.

    Args:
        costs: as from `cell_costs`.
        title: of the first column.
        budget: bytes above which a method does not fit; None: free.
    """
    far = distant_task(costs)
    apart = f". {BODY_APART}" if costs[APART].any() else ""
    table = Table(
        *(title, "bytes", f"T = {far}", "above budget from", "FLOPs of task T", f"T = {far}"),
        box=SIMPLE,
        caption="T tasks: a line, or a constant, through the last half of the tasks; FLOPs, once a "
        "memory is full, of the tasks after that; a cost that falls keeps its last value. At most: "
        "the budget, where a memory or steps are solved for; else, by the configuration, a full "
        f"memory and what is learned at its widest. No other cost has a bound{apart}",
        caption_justify="left",
    )
    for label, rows in costs.groupby("label", sort=False):
        size, flops = (fit_cost(rows, name) for name in ("storage_bytes", "compute_flops"))
        above = None if budget is None else size.num_tasks_above(budget)
        table.add_row(
            break_name(str(label)),
            *(formula(size, "storage_bytes"), bytes_text(size.cost(far))),
            UNDEFINED if above is None else f"T = {above}",
            *(formula(flops, "compute_flops"), flops_text(flops.cost(far))),
        )
    return table


def distant_task(costs: pd.DataFrame) -> int:
    """Return the number of tasks to extrapolate to where none is given."""
    return int(max(20, 2 * costs["after"].max()))


def formula(fit: Growth, column: str) -> str:
    """Return the growth of a cost as a formula in T: `2.10 kB x T + 30 kB, at most 100 kB`."""
    line = line_text(fit, column)
    if fit.slope and fit.most is not None:
        line += f", at most {column_text(column, fit.most)}"
    return line if fit.least is None else f"{line}; at least {line_text(fit.least, column)}"


def line_text(fit: Growth, column: str) -> str:
    """Return the line of a growth, or its constant, without its bound."""
    if not fit.slope:
        return column_text(column, fit.start)
    line = f"{column_text(column, fit.slope)} x T"
    if fit.start:
        line += f" {'+' if fit.start >= 0 else '−'} {column_text(column, abs(fit.start))}"
    return line


def agreement_table(agreements: list[Agreement]) -> Table:
    """Return Spearman's rank correlation of FLOPs and seconds over the trials of each device."""
    table = Table(
        *("FLOPs and seconds", "trials", "rank correlation"),
        box=SIMPLE,
        caption="of training and consolidation; Spearman's, over trials",
        caption_justify="left",
    )
    for each in agreements:
        table.add_row(each.device, f"{each.n:,}", decimal_text(each.rho))
    return table
