"""Figures of a sweep with means: each method's accuracies over the grid, and its rates."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dashboards.charts.method_styles import method_styles
from dashboards.charts.surface import styles
from dashboards.charts.surface.accuracies import bounds_lines, color_range, iso_levels
from dashboards.charts.surface.rates import bar_lengths, log_range, row_places, shown_cells
from dashboards.figures.canvas import create_axes
from orchestrator.columns import COLUMNS
from orchestrator.results.colours import COLOUR_MAP
from orchestrator.results.surface.rate_cells import RATES, RateCell
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import bytes_text, decimal_text
from orchestrator.terminal.rate_tables import RATE_NAMES
from orchestrator.terminal.surface_names import INCOMPLETE, budget_text, empty_reason

ACROSS = 4  # methods in a row
CELL_WIDTH, CELL_HEIGHT = 0.5, 0.3  # inches
TITLE = 0.55  # of a panel and its ticks, inches
# Why a cell has no value -> its hatch, denser than that of a chart.
EMPTY_HATCHES = {why: 4 * hatch for why, hatch in styles.EMPTY_PATTERNS.items()}
ROW, WIDTH, EDGE = 0.26, 3.4, 0.9  # of a method's rates, of a panel, and beside it, inches
MAX_TICKS = 7  # of bytes, below a panel of rates


def surfaces(drawn: Sequence[Surface]) -> Figure:
    """Draw the accuracies of each method over the grid, with lines of equal accuracy.

    A panel per method, storage up and computation across, in the same colours for all methods of a
    setting. Hatched: the method does not fit, is above its budget, is not complete, or was not
    asked for.
    """
    panels = [(surface, m) for surface in drawn for m in range(len(surface.methods))]
    down = max(len(each.storage) for each in drawn)
    across = max(len(each.compute) for each in drawn)
    size = (CELL_WIDTH * across + 0.2, CELL_HEIGHT * down + TITLE)
    figure, grid = create_axes(len(panels), ACROSS, *size)
    for place, (axes, (surface, method)) in enumerate(zip(grid, panels, strict=True)):
        draw_grid(axes, surface, method)
        title = surface.methods[method]
        axes.set_title(title if len(drawn) == 1 else f"{title}\n{surface.title}", fontsize=8)
        if place % ACROSS:
            axes.tick_params(labelleft=False)
    low, high = color_range(drawn[0])
    bar = ScalarMappable(Normalize(low, high), COLOUR_MAP)
    scale = figure.colorbar(bar, ax=grid, shrink=0.5, aspect=30, label=COLUMNS["acc"].label)
    scale.ax.tick_params(labelsize=7)
    if len(drawn) == 1:
        figure.suptitle(drawn[0].title, fontsize=10)
    return figure


def draw_grid(axes: Axes, surface: Surface, method: int) -> None:
    """Draw the accuracies of a method in numbers and colours, contours and hatched cells."""
    mean, (low, high) = surface.mean[method], color_range(surface)
    # Cells as an image, so that a file is small; their middles are at whole numbers.
    axes.imshow(
        mean, COLOUR_MAP, vmin=low, vmax=high, origin="lower", aspect="auto", interpolation="none"
    )
    for edge in range(1, mean.shape[0]):
        axes.axhline(edge - 0.5, color="white", linewidth=0.6)
    for edge in range(1, mean.shape[1]):
        axes.axvline(edge - 0.5, color="white", linewidth=0.6)
    for a, b in np.ndindex(mean.shape):
        if np.isfinite(mean[a, b]):
            dark = mean[a, b] < (low + high) / 2
            colour = "white" if dark else "black"
            text = decimal_text(mean[a, b])
            axes.text(b, a, text, ha="center", va="center", fontsize=6, color=colour)
        else:
            why = empty_reason(surface, (method, a, b))
            hatch_cell(axes, (a, b), EMPTY_HATCHES[why or INCOMPLETE])
    if bounds_lines(mean):
        draw_contours(axes, surface, method)
    set_grid_ticks(axes, surface)


def hatch_cell(axes: Axes, place: tuple[int, int], hatch: str) -> None:
    """Hatch a cell without a value."""
    corner = (place[1] - 0.5, place[0] - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch=hatch, edgecolor="0.7", linewidth=0))


def set_grid_ticks(axes: Axes, surface: Surface) -> None:
    """Set a tick for each budget, computation across and storage up."""
    compute = [budget_text(None, each) for each in surface.compute]
    storage = [budget_text(each, None) for each in surface.storage]
    axes.set_xticks(range(len(compute)), compute)
    axes.set_yticks(range(len(storage)), storage)
    axes.tick_params(labelsize=6, length=0)


def draw_contours(axes: Axes, surface: Surface, method: int) -> None:
    """Draw lines of equal accuracy through the middles of cells, with their values."""
    mean = np.ma.masked_invalid(surface.mean[method])
    start, step, end = iso_levels(surface.mean[method])
    levels = np.arange(start, end + step / 2, step)
    if len(levels):
        lines = axes.contour(mean, levels, colors="white", linewidths=1.0)
        axes.clabel(lines, fontsize=5, fmt="%.2g")


def rates(drawn: Sequence[Surface]) -> Figure:
    """Draw the rates of each method cell by cell, with 95% intervals over seeds.

    A row per setting: accuracy per doubling of bytes and of FLOPs, and the bytes that one GFLOP
    replaces. In the row of a method are its cells from the smallest budgets, below, to the largest.
    """
    most = max(len(surface.methods) for surface in drawn)
    figure, grid = create_axes(len(RATES) * len(drawn), len(RATES), WIDTH, ROW * most + EDGE)
    for index, surface in enumerate(drawn):
        row = grid[index * len(RATES) : (index + 1) * len(RATES)]
        for axes, what in zip(row, RATES, strict=True):
            draw_rates(axes, surface, what)
        row[0].set_title(surface.title, fontsize=9, loc="left")
        for axes in row[1:]:
            axes.tick_params(labelleft=False)
    return figure


def draw_rates(axes: Axes, surface: Surface, what: str) -> None:
    """Draw a point for each rate; of an exchange hollow where its interval has an open end."""
    cells, num = shown_cells(surface, what), len(surface.methods)
    for method, style in enumerate(method_styles(surface)):
        own = [cell for cell in cells if cell.method == method]
        heights = row_places(len(own), num - 1 - method)
        for cell, height in zip(own, heights, strict=True):
            draw_rate(axes, cell, what, height, style.color)
    axes.set_yticks(range(num), list(reversed(surface.methods)))
    axes.set_ylim(-0.5, num - 0.5)
    axes.set_xlabel(RATE_NAMES[what], fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(axis="x", color="0.92", linewidth=0.8)
    if what != "exchange":
        axes.axvline(0, color="0.7", linewidth=0.8)
    elif cells:
        draw_byte_ticks(axes, *log_range(cells))


def draw_rate(axes: Axes, cell: RateCell, what: str, height: float, colour: str) -> None:
    """Draw a rate with its interval."""
    below, above = bar_lengths(cell, what)
    hollow = what == "exchange" and not cell.bounded
    axes.errorbar(
        [cell.value],
        [height],
        xerr=[[below], [above]],
        fmt="o",
        markersize=2.5,
        color=colour,
        markerfacecolor="white" if hollow else colour,
        markeredgewidth=0.7,
        elinewidth=0.6,
    )


def draw_byte_ticks(axes: Axes, low: float, high: float) -> None:
    """Set a logarithmic axis in bytes, between powers of 10."""
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlim(10**low, 10**high)
    first, last = ceil(low), int(high)
    step = ceil((last - first + 1) / MAX_TICKS)
    ticks = [10.0**i for i in range(first, last + 1, step)]
    axes.set_xticks(ticks, [bytes_text(each) for each in ticks])
