"""Captions of the chapter on equal means: growth with the number of tasks, and prices."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import pandas as pd

from dashboards.charts.growth import GROWING, describe_fits, growth_fits
from dashboards.report.ties import MOST_NAMED
from orchestrator.columns import HOUR_SECONDS
from orchestrator.results.growth import Growth
from orchestrator.results.surface.prices import (
    FLOP_UNITS,
    GPU_HOUR,
    PricedWinner,
    Prices,
)
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.trials import STORAGE_BUDGET
from orchestrator.results.units import (
    column_text,
    interval_text,
    listed_text,
    short_number,
    times_text,
)
from orchestrator.terminal.growth_tables import formula
from orchestrator.terminal.price_tables import describe_prices, reason_without_prices
from orchestrator.terminal.surface_names import cell_name

OTHER_PRICES = "repertoire compare --prices takes others, and those of predictions."


def growth(costs: pd.DataFrame, num_tasks: int, cell: str) -> str:
    """Return the number of methods that grow, and the cost of the fastest growing one.

    Args:
        costs: as of `dashboards.charts.growth.growth`, in one cell.
        num_tasks: the number of tasks to extrapolate to.
        cell: its budgets, as text.
    """
    fits = growth_fits(costs)
    given = costs[STORAGE_BUDGET].iloc[0] if STORAGE_BUDGET in costs else None
    budget = nan if given is None or pd.isna(given) else float(given)  # NA: storage is free
    sentences = [
        find_fastest_growth(fits, "storage_bytes", num_tasks, budget),
        find_fastest_growth(fits, "compute_flops", num_tasks),
    ]
    return " ".join([*([f"At {cell}."] if cell else []), *sentences, describe_fits(costs)])


def find_fastest_growth(
    fits: dict[str, dict[str, Growth]], column: str, num_tasks: int, budget: float = nan
) -> str:
    """Return a sentence on a cost of T tasks: how many methods grow, and which grows most."""
    name = GROWING[column][1]
    name = name[0].upper() + name[1:]
    of_column = {label: fit[column] for label, fit in fits.items()}
    growing = {label: fit for label, fit in of_column.items() if fit.slope > 0 or fit.least}
    if not growing:
        return f"{name} do not grow with the number of tasks."
    # With enough tasks, what has no bound grows most.
    label, fit = max(growing.items(), key=lambda item: (not item[1].is_bounded, item[1].slope))
    bounded = sum(fit.is_bounded for fit in growing.values())
    what = "up to a bound" if column == "storage_bytes" else "take steps up to the budget"
    filling = f" ({bounded} {what})" if bounded else ""
    return (
        f"{name} grow with {len(growing)} of {len(fits)} configurations{filling}, most with "
        f"{label}: {formula(fit, column)}, {_final_cost(fit, column, num_tasks, budget)}."
    )


def _final_cost(fit: Growth, column: str, num_tasks: int, budget: float) -> str:
    """Return the cost with a number of tasks, or the task from which it exceeds the budget."""
    above = None if isnan(budget) else fit.num_tasks_above(budget)
    if above is not None and above <= num_tasks:
        return f"above the budget of {column_text(column, budget)} from T = {above} on"
    return f"{column_text(column, fit.cost(num_tasks))} with {num_tasks} tasks"


def prices(surface: Surface, given: Prices, winners: Sequence[PricedWinner]) -> str:
    """Return the best methods for the lowest and for any price, and what the prices cover."""
    paid = f"At {rates_text(given)}. {describe_prices(given)} {OTHER_PRICES}"
    if not winners:
        return f"{paid} {reason_without_prices(given)}"
    lowest, highest = winners[0].price, winners[-1].price
    least = f"The cheapest trial costs {short_number(lowest)}: {winner_text(surface, winners[0])}."
    if len(winners) == 1:
        return f"{least} No dearer one is more accurate. {paid}"
    return (
        f"{least} The most accurate costs {short_number(highest)}, {times_text(highest / lowest)} "
        f"as much: {winner_text(surface, winners[-1])}. {paid}"
    )


def winner_text(surface: Surface, winner: PricedWinner) -> str:
    """Return a winner: `er (not told apart from derpp) at 35 kB and 2 x, ACC 0.686 ± 0.065`."""
    at = (winner.method, *winner.place)
    acc = interval_text(float(surface.mean[at]), float(surface.half_width[at]))
    rivals = [surface.methods[method] for method, *_ in winner.ties[1:]]
    tie = f" (not told apart from {listed_text(rivals, MOST_NAMED)})" if rivals else ""
    name = f"{surface.methods[winner.method]}{tie}"
    return f"{name} at {cell_name(surface, *winner.place)}, ACC {acc}"


def rates_text(given: Prices) -> str:
    """Return the prices of a GB-month and of a PFLOP or a GPU-hour as text."""
    unit, factor = (GPU_HOUR, HOUR_SECONDS) if given.by_time else ("PFLOP", FLOP_UNITS["PFLOP"])
    return f"{given.storage * 1e9:g} a GB-month and {given.compute * factor:g} a {unit}"
