"""The chapter of the report on a sweep with means: winners, both budgets, prices, growth."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboards import charts
from dashboards.charts.agreement import agreement_sentences
from dashboards.charts.growth import growth_table
from dashboards.charts.surface.winners import NO_WINNER
from dashboards.data.means import (
    read_costs,
    read_growth,
    read_search_costs,
    read_surfaces,
    select_cell,
    select_surface,
)
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import Warehouse
from dashboards.report import means_captions
from dashboards.report.chapter import Chapter, Chart
from orchestrator.results.surface.prices import Prices, price_winners
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.growth_tables import distant_task, search_rows
from orchestrator.terminal.price_tables import HEADS, winner_rows
from orchestrator.terminal.rate_tables import rate_rows
from orchestrator.terminal.surface_findings import findings
from orchestrator.terminal.surface_names import cell_name, compute_name, storage_name

SEARCH = "Hyperparameters were searched in each cell under its means; the cost of the search:"
WINNERS = (
    "The most accurate method of each cell. A filled cell has one winner; in an unfilled one the "
    "methods of the strip are not told apart (paired t-tests, Holm's correction for all pairs). "
    f"{NO_WINNER}"
)
GRIDS = (
    "The mean of each cell over the seeds: storage up, computation across, one scale for all "
    "methods. White lines join equal accuracies. Hatched: does not fit, above "
    "its budget, not complete, or not asked for."
)
# What the rates are of -> heading and caption.
RATE_TEXTS = {
    "bytes": (
        "What a doubling of bytes buys, cell by cell",
        "The change of ACC from a storage to the next, per doubling.",
    ),
    "FLOPs": (
        "What a doubling of FLOPs buys, cell by cell",
        "The change of ACC from a computation to the next, per doubling.",
    ),
    "exchange": (
        "How many bytes one GFLOP replaces, cell by cell",
        "The slope of ACC in FLOPs by that in bytes, from a cell to the next of each, with "
        "Fieller's interval; only where more bytes buy accuracy. Hollow: the seeds do not bound "
        "it. Values below 0 (more FLOPs cost accuracy) are in the table alone.",
    ),
}
RATE_MARKS = "Intervals are 95 % over seeds; in a row the smallest budgets are below."
PRICES = Prices(storage=0.02 / 1e9, compute=2 / 1e15, months=12)  # those the page begins with
LINES = "Bars are 95 % intervals over seeds; dashed: joint retraining; crosses: does not fit."


def means_chapters(warehouse: Warehouse) -> Iterator[Chapter]:
    """Yield a chapter for each setting with means; none without."""
    for surface in read_surfaces(warehouse, EVERYTHING):
        drawn = [
            *surface_charts(surface),
            *rate_charts(surface),
            *cost_charts(warehouse, surface),
        ]
        searched = search_rows(read_search_costs(warehouse, surface))
        sentences = [*findings(surface), *([SEARCH] if searched else [])]
        yield Chapter(f"At equal means: {surface.title}", sentences, searched, drawn)


def surface_charts(surface: Surface) -> list[Chart]:
    """Return winners, grids, and the accuracy against each budget at the most of the other."""
    most_storage, most_compute = (
        storage_name(surface.storage[-1]),
        compute_name(surface.compute[-1]),
    )
    drawn = [
        Chart("Who wins where", WINNERS, charts.winners(surface)),
        Chart("Each method over the grid", GRIDS, charts.all_accuracies(surface)),
    ]
    if surface.storage != (None,):
        figure = charts.storage_chart(surface, len(surface.compute) - 1)
        drawn.append(Chart("What bytes buy", f"At {most_compute}. {LINES}", figure))
    if surface.compute != (None,):
        figure = charts.compute_chart(surface, len(surface.storage) - 1)
        caption = f"At {most_storage}. {LINES} A ring: joint retraining overtakes for good."
        drawn.append(Chart("What computation buys", caption, figure))
    return drawn


def rate_charts(surface: Surface) -> Iterator[Chart]:
    """Yield a chart and a table of each kind of rate that is known in a cell."""
    for what, (heading, caption) in RATE_TEXTS.items():
        if rows := rate_rows(surface, what):
            yield Chart(heading, f"{caption} {RATE_MARKS}", charts.rates(surface, what), rows=rows)


def cost_charts(warehouse: Warehouse, surface: Surface) -> Iterator[Chart]:
    """Yield the best method for each price, growth at the largest budgets, and FLOPs in seconds."""
    winners = list(price_winners(surface, PRICES))
    rows = [HEADS, *winner_rows(surface, winners)]
    caption = means_captions.prices(surface, PRICES, winners)
    table = rows if winners else ()
    yield Chart("What it costs", caption, charts.price_chart(surface, PRICES), rows=table)
    most = (len(surface.storage) - 1, len(surface.compute) - 1)
    if len(costs := select_cell(read_growth(warehouse, EVERYTHING), surface, most)):
        yield growth_chart(costs, surface, cell_name(surface, *most))
    costs = read_costs(warehouse, EVERYTHING)
    if len(costs := select_surface(costs, surface)):
        caption = " ".join(agreement_sentences(costs))
        yield Chart("FLOPs and seconds", caption, charts.agreement(costs, surface))


def growth_chart(costs: pd.DataFrame, surface: Surface, cell: str) -> Chart:
    """Return the chart of growth with the number of tasks, with the formula of each method."""
    num_tasks = distant_task(costs)
    caption = means_captions.growth(costs, num_tasks, cell)
    table = growth_table(costs, num_tasks)
    table = table[[name for name in table if not name.endswith(" are")]].fillna("")
    rows = [list(table), *table.to_numpy().tolist()]
    figure = charts.growth(costs, num_tasks, surface, columns=2)
    return Chart("Growth with the number of tasks", caption, figure, rows=rows)
