"""Who wins for how much, on a terminal."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.results.surface.prices import PricedWinner, Prices, price_winners
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.surface_findings import cell_name
from orchestrator.terminal.units import interval_text

MOST_TIES = 3  # names in a cell; the others are counted


def price_table(surface: Surface, prices: Prices) -> Group:
    """Return the winners of a surface by price for a Rich console."""
    head = f"{surface.title}: who wins for how much, {len(surface.seeds)} seeds"
    kept = f"What is carried is kept for {prices.months:g} month{'s' * (prices.months != 1)}"
    paid = "measured hours on the device that ran them" if prices.by_time else "FLOPs"
    table = Table(
        *("from price", "best", "at", "ACC", "not told apart"),
        box=SIMPLE,
        caption=f"{kept}; training and consolidation are paid by {paid}.",
        caption_justify="left",
    )
    for winner in price_winners(surface, prices):
        table.add_row(*winner_cells(surface, winner))
    if not table.row_count:
        return Group(Text(head, style="bold"), Text("No cell is complete, so nothing has a price."))
    return Group(Text(head, style="bold"), table)


def winner_cells(surface: Surface, winner: PricedWinner) -> tuple[str, ...]:
    """Return the cells of a winner's row: price, method, its cell, ACC, what it ties with."""
    at = (winner.method, *winner.place)
    mean, half = float(surface.mean[at]), float(surface.half_width[at])
    ties = [surface.methods[method] for method, _, _ in winner.ties[1:]]
    more = f" +{len(ties) - MOST_TIES}" if len(ties) > MOST_TIES else ""
    return (
        f"{winner.price:.3g}",
        surface.methods[winner.method],
        cell_name(surface, *winner.place),
        interval_text(mean, half),
        ", ".join(ties[:MOST_TIES]) + more,
    )
