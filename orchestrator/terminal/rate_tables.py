"""Marginal and exchange rates as text: a row per method and budget, and their range by method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, isnan
from statistics import median

from rich.box import SIMPLE
from rich.table import Table

from orchestrator.results.surface.rate_cells import RATES, RateCell
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import bytes_text, change_text
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.surface_names import budget_text, cell_name

Row = tuple[str, ...]
# What a table is of -> its name.
RATE_NAMES = {
    "bytes": "ACC per doubling of bytes",
    "FLOPs": "ACC per doubling of FLOPs",
    "exchange": "1 GFLOP replaces",
}


def rate_rows(surface: Surface, what: str) -> list[Row]:
    """Return the rates of a surface as rows of text, names of the columns first.

    A row has the rates of a method at one of the other budgets; none if no rate is known.

    Args:
        surface: of one setting.
        what: of RATE_NAMES.
    """
    axis = 1 if what == "FLOPs" else 0
    names = (
        [budget_text(size, None) for size in surface.storage],
        [budget_text(None, epochs) for epochs in surface.compute],
    )
    along, across = names[axis], names[1 - axis]
    rows: dict[tuple[int, int], dict[int, str]] = {}
    for cell in RATES[what](surface):
        row = rows.setdefault((cell.method, cell.place[1 - axis]), {})
        row[cell.place[axis]] = rate_text(cell, what)
    steps = range(len(along) - 1)
    heads = ("method", "at", *(f"{along[i]} to {along[i + 1]}" for i in steps))
    texts = [
        (surface.methods[m], across[other], *(rows[m, other].get(i, "") for i in steps))
        for m, other in sorted(rows)
    ]
    return [heads, *texts] if texts else []


def rate_text(cell: RateCell, what: str) -> str:
    """Return a rate with its interval: `+0.100 ± 0.012`, or `62 kB [39 kB, 202 kB]`."""
    if what != "exchange":
        return change_text(cell.value, (cell.high - cell.low) / 2)
    value = bytes_text(cell.value)
    ends = ", ".join(map(bytes_end, (cell.low, cell.high)))
    return value if isnan(cell.low) else f"{value} [{ends}]"


def bytes_end(size: float) -> str:
    """Return an end of an interval in bytes; an infinite one has no unit."""
    return bytes_text(size) if isfinite(size) else f"{'-' if size < 0 else ''}∞"


def rate_tables(surface: Surface) -> Iterator[Table]:
    """Yield a table for each kind of rate, with the median, least and most of each method."""
    for what, name in RATE_NAMES.items():
        if cells := RATES[what](surface):
            yield range_table(surface, cells, what, name)


def range_table(surface: Surface, cells: Sequence[RateCell], what: str, name: str) -> Table:
    """Return a table with a row per method: the median, least and most of its rates.

    Of an exchange only rates with a finite interval count, and a column says how many there are.

    Args:
        surface: of one setting.
        cells: its rates.
        what: of RATE_NAMES.
        name: of the table.
    """
    exchange = what == "exchange"
    table = Table(name, "median", "least", "most", *["bounded"] * exchange, box=SIMPLE)
    for m, method in enumerate(surface.methods):
        own = [each for each in cells if each.method == m]
        shown = [each for each in own if each.bounded] if exchange else own
        count = [f"{len(shown)} of {len(own)} cells"] * exchange
        if own:
            table.add_row(break_name(method), *range_texts(surface, shown, what), *count)
    if exchange:
        table.caption = "where more bytes buy accuracy; bounded: the interval is finite"
        table.caption_justify = "left"
    return table


def range_texts(surface: Surface, cells: Sequence[RateCell], what: str) -> Row:
    """Return the median, the least and the most of rates, the last two with their cells."""
    if not cells:
        return ("", "", "")
    order = sorted(cells, key=lambda each: each.value)
    ends = [
        f"{rate_text(each, what)}\n{cell_name(surface, *each.place)}".replace(" [", "\n[")
        for each in (order[0], order[-1])
    ]
    middle = median(each.value for each in cells)
    return (bytes_text(middle) if what == "exchange" else change_text(middle), *ends)
