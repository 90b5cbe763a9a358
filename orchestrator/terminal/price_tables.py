"""The best method for each price, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.columns import COLUMNS
from orchestrator.results.surface.prices import PricedWinner, Prices, price_winners
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import distinct_numbers, interval_text, noun_text
from orchestrator.terminal.surface_budgets import describe_excess
from orchestrator.terminal.surface_names import cell_name, seed_count_text

HEADS = ("from price", "best", "at", COLUMNS["acc"].label, "not told apart")
MOST_TIES = 3  # names in a cell; the others are counted


def price_table(surface: Surface, prices: Prices) -> Group:
    """Return the winners of a surface by price for a Rich console."""
    title = f"{surface.title}: the best method for each price, {seed_count_text(surface)}"
    notes = filter(None, [surface.note, *describe_excess(surface)])
    head = Group(Text(title, style="bold"), *map(Text, notes))
    table = Table(
        *HEADS,
        box=SIMPLE,
        caption=describe_prices(prices),
        caption_justify="left",
    )
    for row in winner_rows(surface, list(price_winners(surface, prices))):
        table.add_row(*row)
    if not table.row_count:
        return Group(head, Text(reason_without_prices(prices)))
    return Group(head, table)


def describe_prices(prices: Prices) -> str:
    """Return a sentence on what the prices cover."""
    months = noun_text(f"{prices.months:g}", "month")
    work, predictions = "training and consolidation", ""
    if prices.predictions:
        work = "training, consolidation and predictions"
        predictions = f", and {prices.predictions:g} predictions a month are served"
    paid = "measured hours on the device that ran them" if prices.by_time else "FLOPs"
    kept = f"The most that is carried after any task is kept for {months}{predictions}"
    return f"{kept}; {work} are paid by {paid}."


def reason_without_prices(prices: Prices) -> str:
    """Return the reason that no cell of a surface has a price."""
    figures = " with a count of the FLOPs of a prediction" if prices.predictions else ""
    return f"No cell is complete{figures} and within its budget, so nothing has a price."


def winner_rows(surface: Surface, winners: Sequence[PricedWinner]) -> list[tuple[str, ...]]:
    """Return a row of each winner: price, method, its cell, ACC, what it ties with."""
    prices = distinct_numbers([winner.price for winner in winners])
    rest = (winner_cells(surface, winner) for winner in winners)
    return [(price, *cells) for price, cells in zip(prices, rest, strict=True)]


def winner_cells(surface: Surface, winner: PricedWinner) -> tuple[str, ...]:
    """Return the cells of a winner's row after its price."""
    at = (winner.method, *winner.place)
    mean, half = float(surface.mean[at]), float(surface.half_width[at])
    ties = [surface.methods[method] for method, _, _ in winner.ties[1:]]
    more = f" +{len(ties) - MOST_TIES}" if len(ties) > MOST_TIES else ""
    return (
        surface.methods[winner.method],
        cell_name(surface, *winner.place),
        interval_text(mean, half),
        ", ".join(ties[:MOST_TIES]) + more,
    )
