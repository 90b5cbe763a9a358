"""The surface of a sweep with means on a terminal: accuracies, winners, rates, findings."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import WinningCell, winner_map
from orchestrator.results.units import interval_text
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.rate_tables import rate_tables
from orchestrator.terminal.surface_findings import findings
from orchestrator.terminal.surface_names import (
    compute_name,
    empty_reason,
    seed_count_text,
    storage_name,
    text_without_winner,
)

MAX_TIES = 3  # names in a cell; the others are counted


def surface_tables(surface: Surface) -> Group:
    """Return a surface for a Rich console."""
    head = Text(f"{surface.title}, at equal means, {seed_count_text(surface)}", style="bold")
    lines = [Text(line) for line in findings(surface)]
    tables = [*accuracy_tables(surface), winner_table(surface), *rate_tables(surface)]
    return Group(head, *tables, *lines)


def accuracy_tables(surface: Surface) -> Iterator[RenderableType]:
    """Yield a table for each computation: methods by storage."""
    for b, compute in enumerate(surface.compute):
        yield Text(f"ACC at {compute_name(compute)}", style="dim")
        table = Table("method", *map(storage_name, surface.storage), box=SIMPLE)
        for m, name in enumerate(surface.methods):
            cells = [accuracy_text(surface, (m, a, b)) for a in range(len(surface.storage))]
            table.add_row(break_name(name), *cells)
        yield table


def accuracy_text(surface: Surface, cell: tuple[int, int, int]) -> str:
    """Return the accuracy of a method, storage and computation, or why there is none."""
    value = interval_text(float(surface.mean[cell]), float(surface.half_width[cell]))
    return empty_reason(surface, cell) or value


def winner_table(surface: Surface) -> Table:
    """Return the winner map: the best of each cell, and the methods not significantly worse."""
    cells = {cell.place: cell for cell in winner_map(surface)}
    table = Table(
        "winners",
        *map(compute_name, surface.compute),
        box=SIMPLE,
        caption="= not told apart from the best: paired t-tests, Holm's correction for all pairs",
        caption_justify="left",
    )
    for a in reversed(range(len(surface.storage))):
        names = [winner_text(surface, cells[a, b]) for b in range(len(surface.compute))]
        table.add_row(storage_name(surface.storage[a]), *names)
    return table


def winner_text(surface: Surface, cell: WinningCell) -> str:
    """Return the winners of a cell as text, `er = derpp, +2`, or why there is none."""
    if cell.best is None:
        return text_without_winner(surface, *cell.place)
    names = [surface.methods[i] for i in cell.ties]
    shown = " = ".join(names[:MAX_TIES])
    return shown if len(names) <= MAX_TIES else f"{shown} +{len(names) - MAX_TIES}"
