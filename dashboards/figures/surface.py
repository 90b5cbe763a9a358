"""Figures of a sweep with means: the winner map, and accuracy against each budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from rich.cells import cell_len

from dashboards.charts.labels import spread_labels
from dashboards.charts.method_styles import method_styles
from dashboards.charts.short_names import LONGEST, short_texts
from dashboards.charts.surface.budgets import value_range
from dashboards.charts.surface.styles import CELL
from dashboards.charts.surface.winner_lines import winner_lines
from dashboards.charts.surface.winners import STRIP, strips_by_method
from dashboards.figures.canvas import create_axes
from dashboards.figures.grids import EMPTY_HATCHES
from orchestrator.results.intervals import Floats
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.winners import WinningCell, winner_map
from orchestrator.results.units import decimal_text
from orchestrator.sweep.means.budget_text import epochs_number
from orchestrator.terminal.surface_names import (
    COMPUTE_AXIS,
    compute_name,
    reason_without_winner,
    storage_name,
)

CELL_WIDTH, CELL_HEIGHT, EDGE = 1.7, 0.75, 1.2  # inches
LETTER, LINE, KEY = 0.06, 0.18, 0.6  # of 8 points, in inches: a letter, a line, a key of a legend
WIDTH, HEIGHT = 4.6, 3.4  # of a panel of lines, inches
LABEL = 0.045  # height of a label, as a share of the panel
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (8, 3))}
LETTERS = 30  # in a line of a cell
HATCHES = {"": "", ".": "..", "+": "++", "-": "--"}  # of a pattern of Plotly


def winners(surfaces: Sequence[Surface]) -> Figure:
    """Draw the winner map of each setting; ties as strips, cells without a winner hatched."""
    cells = [winner_map(surface) for surface in surfaces]
    texts = [winner_lines(*drawn, LETTERS) for drawn in zip(surfaces, cells, strict=True)]
    num_lines = max(len(lines) for of_map in texts for lines in of_map.values())
    width = CELL_WIDTH * max(len(each.compute) for each in surfaces) + EDGE
    cell = max(CELL_HEIGHT, (num_lines + 1) * LINE / (1 - STRIP))
    height = cell * max(len(each.storage) for each in surfaces) + EDGE
    names, columns = legend_names(surfaces, cells, width)
    below = LINE * ceil(len(names) / columns)
    figure, grid = create_axes(len(surfaces), 1, width, height + below / len(surfaces))
    for axes, surface, of_map, lines in zip(grid, surfaces, cells, texts, strict=True):
        draw_cells(axes, surface, of_map, lines)
        axes.set_title(surface.title, fontsize=10)
    patches = [patch for axes in grid for patch in axes.patches if patch.get_fill()]
    by_label = {str(patch.get_label()): patch for patch in patches}
    figure.legend(
        [by_label[label] for label in names],
        list(names.values()),
        loc="outside lower center",
        ncols=columns,
        fontsize=8,
        frameon=False,
    )
    return figure


def legend_names(
    surfaces: Sequence[Surface], cells: Sequence[list[WinningCell]], width: float
) -> tuple[dict[str, str], int]:
    """Return the winners by their names in the legend, and its columns in so many inches."""
    won = [
        surface.methods[method]
        for surface, of_map in zip(surfaces, cells, strict=True)
        for method in strips_by_method(of_map)
    ]
    names = short_texts(won, LONGEST)
    longest = max(map(cell_len, names.values()), default=1)
    return names, max(1, int(width / (longest * LETTER + KEY)))


def draw_cells(
    axes: Axes,
    surface: Surface,
    cells: list[WinningCell],
    lines: Mapping[tuple[int, int], list[str]],
) -> None:
    """Draw the cells of a winner map with the lines of their names, and accuracies."""
    draw_strips(axes, surface, cells)
    for cell in cells:
        if cell.best is None:
            draw_empty(axes, surface, cell)
            continue
        a, b = cell.place
        y = a + (STRIP / 2 if len(cell.ties) > 1 else 0)
        text = "\n".join([*lines[a, b], decimal_text(surface.mean[cell.best, a, b])])
        axes.text(b, y, text, ha="center", va="center", fontsize=8)
    set_grid_axes(axes, surface)


def set_grid_axes(axes: Axes, surface: Surface) -> None:
    """Draw the lines between cells, and set an axis of computation and one of storage."""
    for edge in range(1, len(surface.storage)):
        axes.axhline(edge - 0.5, color="0.8", linewidth=0.8)
    for edge in range(1, len(surface.compute)):
        axes.axvline(edge - 0.5, color="0.8", linewidth=0.8)
    axes.set_xlim(-0.5, len(surface.compute) - 0.5)
    axes.set_ylim(-0.5, len(surface.storage) - 0.5)
    axes.set_xticks(range(len(surface.compute)), list(map(compute_name, surface.compute)))
    axes.set_yticks(range(len(surface.storage)), list(map(storage_name, surface.storage)))
    axes.tick_params(labelsize=8)


def draw_strips(axes: Axes, surface: Surface, cells: list[WinningCell]) -> None:
    """Draw a cell in the colour of its winner, in strips if several are equal."""
    styles = method_styles(surface)
    for method, strips in strips_by_method(cells).items():
        style = styles[method]
        for a, b, left, width in strips:
            patch = Rectangle(
                (b + left, a - CELL / 2),
                width,
                CELL if width == CELL else STRIP,
                facecolor=(style.color, 0.5),
                edgecolor=style.color,
                hatch=HATCHES[style.pattern],
                linewidth=0,
                label=surface.methods[method],
            )
            axes.add_patch(patch)


def draw_empty(axes: Axes, surface: Surface, cell: WinningCell) -> None:
    """Draw a cell without a winner, hatched by the reason."""
    a, b = cell.place
    hatch = EMPTY_HATCHES[reason_without_winner(surface, a, b)]
    corner = (b - CELL / 2, a - CELL / 2)
    axes.add_patch(
        Rectangle(corner, CELL, CELL, fill=False, hatch=hatch, edgecolor="0.7", linewidth=0)
    )


def budgets(surfaces: Sequence[Surface]) -> Figure:
    """Draw accuracy against bytes at the most computation, and the other way about."""
    figure, grid = create_axes(2 * len(surfaces), 2, WIDTH, HEIGHT)
    for index, surface in enumerate(surfaces):
        left, right = grid[2 * index], grid[2 * index + 1]
        storage = [float(size or 1) for size in surface.storage]
        compute = [float(epochs or 1) for epochs in surface.compute]
        mean, half = surface.mean, surface.half_width
        draw_lines(left, surface, storage, mean[:, :, -1], half[:, :, -1])
        draw_lines(right, surface, compute, mean[:, -1], half[:, -1])
        left.set_xticks(storage, list(map(storage_name, surface.storage)), fontsize=8)
        right.set_xticks(compute, [epochs_number(epochs) for epochs in compute], fontsize=8)
        left.set_title(f"{surface.title}\nat {compute_name(surface.compute[-1])}", fontsize=9)
        right.set_title(f"at {storage_name(surface.storage[-1])}", fontsize=9)
        left.set_xlabel("storage carried from task to task", fontsize=8)
        right.set_xlabel(COMPUTE_AXIS, fontsize=8)
        left.set_ylabel("ACC after the last task (test)", fontsize=8)
    return figure


def draw_lines(
    axes: Axes, surface: Surface, along: Sequence[float], mean: Floats, half: Floats
) -> None:
    """Draw a line per method with 95% intervals, named at its end."""
    styles = method_styles(surface)
    for m in np.flatnonzero(np.isfinite(mean).any(axis=1)):
        axes.errorbar(
            along,
            mean[m],
            np.nan_to_num(half[m]),
            color=styles[m].color,
            linestyle=DASHES[styles[m].dash],
            marker="o",
            markersize=3,
            linewidth=1.3,
            elinewidth=0.6,
            label=surface.methods[m],
        )
    axes.set_xscale("log")
    axes.minorticks_off()
    low, high = value_range(mean)
    axes.set_ylim(low, high)
    axes.tick_params(labelsize=8)
    name_lines(axes, surface, along, mean)


def name_lines(axes: Axes, surface: Surface, along: Sequence[float], mean: Floats) -> None:
    """Write the name of each method beside its line, and join it to the last point."""
    styles, (low, high) = method_styles(surface), axes.get_ylim()
    lines = [m for m in range(len(mean)) if np.isfinite(mean[m]).any()]
    last = [int(np.flatnonzero(np.isfinite(mean[m]))[-1]) for m in lines]
    ends = np.array([mean[m, at] for m, at in zip(lines, last, strict=True)])
    for m, at, y in zip(lines, last, spread_labels(ends, LABEL * (high - low)), strict=True):
        axes.annotate(
            surface.methods[m],
            (along[at], mean[m, at]),
            xytext=(1.03, (y - low) / (high - low)),
            textcoords="axes fraction",
            color=styles[m].color,
            fontsize=7,
            va="center",
            arrowprops={"arrowstyle": "-", "color": styles[m].color, "linewidth": 0.4},
        )
