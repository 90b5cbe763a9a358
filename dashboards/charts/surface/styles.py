"""Cells of a grid of budgets, and the marks of those without a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from dashboards.charts.theme import FAINT, GREY, rgba_text
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.escaping import escape_plotly
from orchestrator.terminal.surface_names import EMPTY

CELL = 0.96  # height and width of a cell, whose middle is at whole numbers
EMPTY_PATTERNS = dict(zip(EMPTY, ("|", "/", "\\", "x"), strict=True))


def plain_surface(surface: Surface) -> Surface:
    """Return a surface with its texts escaped for Plotly."""
    names = tuple(map(escape_plotly, surface.methods))
    return replace(surface, title=escape_plotly(surface.title), methods=names)


def error_bars(lengths: Iterable[float], color: str) -> dict[str, Any]:
    """Return bars of lengths for `error_x` or `error_y`, paler than the points that have them."""
    return {"type": "data", "array": lengths, "color": rgba_text(color, 0.55), "thickness": 1}


def hatched_cells(places: Iterable[tuple[int, int]], why: str) -> go.Bar:
    """Return hatched cells of a grid at (storage, computation), with the reason as their name."""
    rows, columns = zip(*places, strict=True)
    return cell_bars(rows, columns).update(
        name=why,
        hovertext=why,
        marker={
            "color": "rgba(0,0,0,0)",
            "line": {"width": 1, "color": FAINT},
            "pattern": {"shape": EMPTY_PATTERNS[why], "fgcolor": GREY, "size": 9, "solidity": 0.15},
        },
    )


def cell_bars(
    rows: Sequence[int],
    columns: Sequence[float],
    widths: Sequence[float] | float = CELL,
    heights: Sequence[float] | None = None,
) -> go.Bar:
    """Return bars in the cells of a grid, from the bottom of the cell up; by default filling it."""
    return go.Bar(
        x=list(columns),
        y=heights or [CELL] * len(rows),
        base=[row - CELL / 2 for row in rows],
        width=widths,
        hoverinfo="text",
    )


def grid_axes(figure: go.Figure, surface_axes: tuple[Sequence[str], Sequence[str]]) -> None:
    """Set the axes of a figure to a grid: names of budgets of storage (up) and of computation."""
    storage, compute = surface_axes
    for update, names, title in (
        (figure.update_yaxes, storage, "storage carried from task to task"),
        (figure.update_xaxes, compute, "computation"),
    ):
        axis: dict[str, Any] = {
            "title": title,
            "tickvals": list(range(len(names))),
            "ticktext": list(names),
            "range": [-0.5, len(names) - 0.5],
            "showgrid": False,
        }
        update(axis)
