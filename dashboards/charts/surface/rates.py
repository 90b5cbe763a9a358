"""The rates of each method cell by cell, with their intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from dashboards.charts.cost_axes import WIDE, ticks
from dashboards.charts.method_styles import Style, method_styles
from dashboards.charts.panels import empty_figure
from dashboards.charts.surface.styles import error_bars, plain_surface
from dashboards.charts.theme import FAINT, template
from orchestrator.results.surface.rate_cells import RATES, RateCell
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.rate_tables import RATE_NAMES, rate_text
from orchestrator.terminal.surface_names import cell_name

ROW, EDGES = 46, 90  # of a method, and beside all, pixels
SPREAD = 0.76  # height of the cells of a method, in rows
MARGIN = 0.4  # of a logarithmic axis, in decades


def rates(surface: Surface, what: str) -> go.Figure:
    """Draw a point for each rate, with its interval, a row per method.

    Within a row are the cells from the smallest budgets (below) to the largest. Of an exchange,
    points without a finite interval are hollow, and only positive ones are drawn.

    Args:
        surface: of one setting.
        what: a key of `orchestrator.results.surface.rate_cells.RATES`.
    """
    surface = plain_surface(surface)
    cells = shown_cells(surface, what)
    if not cells:
        return empty_figure(f"No cell has a rate: {RATE_NAMES[what]}.")
    rows = sorted({cell.method for cell in cells}, reverse=True)
    figure = go.Figure(layout={"template": template(), "height": ROW * len(rows) + EDGES})
    styles = method_styles(surface)
    for row, method in enumerate(rows):
        own = [cell for cell in cells if cell.method == method]
        figure.add_trace(rate_points(surface, own, what, row, styles[method]))
    names = [surface.methods[m] for m in rows]
    figure.update_yaxes(
        tickvals=[*range(len(rows))], ticktext=names, range=[-0.5, len(rows) - 0.5], showgrid=False
    )
    set_rate_axis(figure, cells, what)
    return figure.update_layout(showlegend=False)


def set_rate_axis(figure: go.Figure, cells: Sequence[RateCell], what: str) -> None:
    """Set the horizontal axis: logarithmic in bytes for an exchange, else with a line at 0."""
    if what == "exchange":
        axis = ticks("storage_bytes", *log_range(cells), WIDE)
        figure.update_xaxes(axis, type="log", title=f"{RATE_NAMES[what]} bytes")
    else:
        figure.update_xaxes(title=RATE_NAMES[what])
        figure.add_vline(0, line={"color": FAINT, "width": 1})


def shown_cells(surface: Surface, what: str) -> list[RateCell]:
    """Return the rates that a chart shows: of an exchange, whose axis is logarithmic, above 0."""
    cells = RATES[what](surface)
    return [cell for cell in cells if what != "exchange" or cell.value > 0]


def row_places(count: int, row: int) -> list[float]:
    """Return the height of each cell of a row of a number of cells."""
    return [row + SPREAD * ((i + 0.5) / count - 0.5) for i in range(count)]


def bar_lengths(cell: RateCell, what: str) -> tuple[float, float]:
    """Return the lengths of the bars below and above a rate; 0 where the interval has no end.

    On the logarithmic axis of an exchange an end at or below 0 is far to the left.
    """
    if not cell.bounded:
        return 0.0, 0.0
    low = max(cell.low, cell.value / 1e3) if what == "exchange" else cell.low
    return cell.value - low, cell.high - cell.value


def log_range(cells: Sequence[RateCell]) -> tuple[float, float]:
    """Return the decades around the rates and the upper ends of their intervals."""
    highest = max(cell.high if cell.bounded else cell.value for cell in cells)
    return log10(min(cell.value for cell in cells)) - MARGIN, log10(highest) + MARGIN


def rate_points(
    surface: Surface, cells: Sequence[RateCell], what: str, row: int, style: Style
) -> go.Scatter:
    """Return the points of a method's rates with their intervals as bars."""
    below, above = zip(*(bar_lengths(cell, what) for cell in cells), strict=True)
    hollow = [what == "exchange" and not cell.bounded for cell in cells]
    name = surface.methods[cells[0].method]
    return go.Scatter(
        name=name,
        mode="markers",
        x=[cell.value for cell in cells],
        y=row_places(len(cells), row),
        marker={
            "size": 6,
            "color": style.color,
            "symbol": ["circle-open" if each else "circle" for each in hollow],
        },
        error_x=error_bars(above, style.color) | {"arrayminus": below, "width": 0},
        hoverinfo="text",
        hovertext=[
            f"<b>{name}</b>, {cell_name(surface, *cell.place)}: {rate_text(cell, what)}"
            for cell in cells
        ],
    )
