"""The winner map: the best method of each cell, with the methods not significantly worse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import ceil
from typing import Any

import plotly.graph_objects as go
from rich.cells import cell_len

from dashboards.charts.method_styles import Style, method_styles
from dashboards.charts.panels import legend
from dashboards.charts.surface.styles import (
    CELL,
    EMPTY_PATTERNS,
    cell_bars,
    grid_axes,
    hatched_cells,
    plain_surface,
)
from dashboards.charts.surface.winner_lines import winner_lines
from dashboards.charts.theme import FAINT, rgba_text, template
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import WinningCell, winner_map
from orchestrator.results.units import decimal_text, interval_text
from orchestrator.terminal.escaping import escape_plotly
from orchestrator.terminal.surface_names import (
    compute_name,
    empty_reason,
    reason_without_winner,
    storage_name,
)

ROW, LINE, EDGES = 92, 17, 150  # pixels: the least height of a cell, a line of text, the rest
TINT = 0.5  # opacity, so that text is readable on a light and on a dark page
STRIP = 0.24  # height of a tie's strip, in cells
LETTERS = 84  # of a line through all cells, on the narrowest page
# Of that page, in pixels: its width, a letter of the legend, the key of an entry and its height.
WIDTH, LETTER, KEY, KEY_LINE = 600, 6.2, 50, 20
NO_WINNER = (
    "A hatched cell has no winner: no method fits it; or each that fits it is above its budget; or "
    "none of the others is complete."
)
# The part of a cell: its storage and computation, left end, and width.
Strip = tuple[int, int, float, float]


def winners(surface: Surface) -> go.Figure:
    """Draw the winner of each cell: its colour, name and accuracy.

    A cell with ties is not filled: at its bottom it has a strip of equal width for each method
    among its best, which are named with "=" between them. A cell without a winner is hatched: see
    NO_WINNER.
    """
    cells = winner_map(surface)
    lines = winner_lines(surface, cells, LETTERS // len(surface.compute))
    surface = plain_surface(surface)
    height = row_height(max(map(len, lines.values()))) * len(surface.storage)
    strips_of = strips_by_method(cells)
    room = legend_height([surface.methods[method] for method in strips_of])
    figure = go.Figure(layout={"template": template(), "height": height + EDGES + room})
    entries = legend(height) | {"maxheight": max(room, EDGES)}
    figure.update_layout(barmode="overlay", bargap=0, legend=entries)
    styles = method_styles(surface)
    for method, strips in strips_of.items():
        figure.add_trace(draw_strips(surface, method, strips, styles[method]))
    unwon = [cell.place for cell in cells if cell.best is None]
    empty = {place: reason_without_winner(surface, *place) for place in unwon}
    for why in EMPTY_PATTERNS:
        places = [place for place, reason in empty.items() if reason == why]
        if places:
            figure.add_trace(hatched_cells(places, why))
    for cell in cells:
        a, b = cell.place
        y = a + (STRIP / 2 if len(cell.ties) > 1 else 0)
        figure.add_annotation(x=b, y=y, text=cell_text(surface, cell, lines[a, b]), showarrow=False)
    figure.update_layout(shapes=[cell_outline(*cell.place) for cell in cells])
    names = (list(map(storage_name, surface.storage)), list(map(compute_name, surface.compute)))
    grid_axes(figure, names)
    return figure


def cell_outline(a: int, b: int) -> dict[str, Any]:
    """Return the outline of a cell."""
    half = CELL / 2
    sides = {"x0": b - half, "x1": b + half, "y0": a - half, "y1": a + half}
    return {"type": "rect", "line": {"color": FAINT, "width": 1}, **sides}


def strips_by_method(cells: list[WinningCell]) -> dict[int, list[Strip]]:
    """Return the strips of each method that is among the best anywhere."""
    strips: dict[int, list[Strip]] = defaultdict(list)
    for cell in cells:
        width = CELL / max(1, len(cell.ties))
        for order, method in enumerate(cell.ties):
            strips[method].append((*cell.place, order * width - CELL / 2, width))
    return dict(sorted(strips.items()))


def draw_strips(surface: Surface, method: int, strips: list[Strip], style: Style) -> go.Bar:
    """Draw the strips of a method."""
    rows, columns, lefts, widths = zip(*strips, strict=True)
    heights = [CELL if width == CELL else STRIP for width in widths]
    return cell_bars(
        rows,
        [b + left + width / 2 for b, left, width in zip(columns, lefts, widths, strict=True)],
        widths,
        heights,
    ).update(
        name=surface.methods[method],
        hovertext=[hover_text(surface, a, b) for a, b in zip(rows, columns, strict=True)],
        marker=strip_marker(style),
    )


def strip_marker(style: Style) -> dict[str, Any]:
    """Return the colour and the pattern of a method's strips, both paler than its lines."""
    pattern = {"shape": style.pattern, "fgcolor": style.color, "size": 8}
    return {
        "color": rgba_text(style.color, TINT),
        "line": {"width": 0},
        "pattern": pattern | {"bgcolor": rgba_text(style.color, TINT / 2)},
    }


def row_height(num_lines: int) -> int:
    """Return the height of cells in pixels: of names in lines, an accuracy, and a strip."""
    return max(ROW, ceil((num_lines + 1) * LINE / (1 - STRIP)))


def legend_height(names: list[str]) -> int:
    """Return the height of a legend in pixels where it has the least columns."""
    longest = max(map(cell_len, names), default=1)
    columns = max(1, int(WIDTH / (longest * LETTER + KEY)))
    return KEY_LINE * (1 + ceil(len(names) / columns))


def cell_text(surface: Surface, cell: WinningCell, lines: list[str]) -> str:
    """Return the names of the best methods and the accuracy of the first, or why there is none."""
    names = "<br>".join(map(escape_plotly, lines))
    if cell.best is None:
        return names
    mean = decimal_text(float(surface.mean[cell.best, *cell.place]))
    return f"<b>{names}</b><br>{mean}"


def hover_text(surface: Surface, a: int, b: int) -> str:
    """Return the accuracy of every method in a cell, the best first."""
    return "<br>".join(
        [
            f"<b>{storage_name(surface.storage[a])}, {compute_name(surface.compute[b])}</b>",
            *cell_lines(surface, a, b),
        ]
    )


def cell_lines(surface: Surface, a: int, b: int) -> Iterator[str]:
    """Yield a line for each method in a cell: complete ones by their mean, then the others."""
    mean, half = surface.mean[:, a, b], surface.half_width[:, a, b]
    for m in sorted(range(len(mean)), key=lambda m: -mean[m] if mean[m] == mean[m] else 2.0):
        name = surface.methods[m]
        value = interval_text(float(mean[m]), float(half[m]))
        yield f"{name}: {empty_reason(surface, (m, a, b)) or value}"
