"""The figure of the trade-off: accuracy against storage, and against computation."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dashboards.charts.panel_scale import half_widths
from dashboards.charts.short_names import LONGEST, short_texts
from dashboards.charts.theme import assign_lines
from dashboards.charts.tradeoff import AXIS_COSTS, UNMARKED
from dashboards.charts.tradeoff_labels import front_corners, is_few, marked_rows
from dashboards.figures.canvas import create_axes, set_log_ticks, split_tables
from dashboards.figures.labels import draw_labels
from dashboards.figures.plane import MARKERS
from orchestrator.columns import COLUMNS
from orchestrator.results.pareto import front_mask

WIDTH, HEIGHT = 3.9, 3.6  # of a panel, inches
PointStyle = tuple[str, str]  # colour and marker of a method


def trade_off(table: pd.DataFrame) -> Figure:
    """Draw ACC against storage and against computation, two panels for each table.

    The colour and the shape of a marker tell the method, its label the configuration. Bars are 95%
    intervals; the line is the Pareto front of the means; a marker is hollow if another row beats it
    in ACC and the cost by intervals that do not overlap. Of many rows those that
    `charts.trade_off` marks have bars and labels.

    Args:
        table: rows of `orchestrator.results.comparison.comparison`, at least one.
    """
    parts = split_tables(table)
    figure, grid = create_axes(2 * len(parts), 2, WIDTH, HEIGHT)
    colours = assign_lines(table["method"])
    looks = {m: (colours[m]["color"], MARKERS[i % len(MARKERS)]) for i, m in enumerate(colours)}
    for index, (title, rows) in enumerate(parts):
        pair = grid[2 * index : 2 * index + 2]
        pair[1].sharey(pair[0])
        pair[1].tick_params(labelleft=False)
        for axes, cost in zip(pair, AXIS_COSTS, strict=True):
            draw_panel(axes, rows, cost, looks)
        pair[0].set_title(title, fontsize=10, loc="left")
        pair[0].set_ylabel("ACC after the last task (test)", fontsize=9)
    figure.draw_without_rendering()  # computes the layout, which labels need
    for index, (_, rows) in enumerate(parts):
        for axes, cost in zip(grid[2 * index : 2 * index + 2], AXIS_COSTS, strict=True):
            label_points(axes, rows, cost)
    return figure


def draw_panel(axes: Axes, rows: pd.DataFrame, cost: str, looks: dict[object, PointStyle]) -> None:
    """Draw the front, and a point with its interval for each row."""
    draw_front(axes, rows, cost)
    draw_points(axes, rows, cost, looks)
    axes.set_xscale("log")
    axes.set_xlabel(COLUMNS[cost].title(COLUMNS[cost].words), fontsize=9)
    axes.grid(True, which="major", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.margins(0.16, 0.1)
    low, high = axes.get_xlim()
    set_log_ticks(axes.xaxis, decades=log10(high / low))


def draw_front(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Draw the steps through the Pareto front of the means."""
    corners = front_corners(rows, (cost, "acc"))
    axes.plot(
        corners[:, 0] / COLUMNS[cost].scale,
        corners[:, 1],
        drawstyle="steps-post",
        color="0.6",
        linewidth=1,
        zorder=1,
        label="_front",
    )


def draw_points(axes: Axes, rows: pd.DataFrame, cost: str, looks: dict[object, PointStyle]) -> None:
    """Draw a point for each row, filled if it is on the front; the marked ones have intervals."""
    scale = COLUMNS[cost].scale
    front = front_mask(rows, (cost, "acc"))
    across, upright = half_widths(rows, cost) / scale, half_widths(rows, "acc")
    marked = set(marked_rows(rows, (cost, "acc")).index)
    for (i, row), best, width, height in zip(rows.iterrows(), front, across, upright, strict=True):
        colour, marker = looks[row["method"]]
        bars = (height, width) if i in marked else (None, None)
        axes.errorbar(
            row[f"{cost}_mean"] / scale,
            row["acc_mean"],
            *bars,
            color=colour,
            marker=marker,
            markersize=6 if i in marked else 3,
            markerfacecolor=colour if best else "white",
            alpha=1 if i in marked else UNMARKED,
            elinewidth=0.8,
            capsize=1.5,
            label=row["trial_id"],
            zorder=2 + (i in marked),
        )


def label_points(axes: Axes, rows: pd.DataFrame, cost: str) -> None:
    """Draw the labels of the marked rows of a panel; see `charts.tradeoff_labels.point_labels`."""
    shown = marked_rows(rows, (cost, "acc"))
    rest = rows.drop(index=shown.index).dropna(subset=[f"{cost}_mean", "acc_mean"])
    barred = rows if is_few(rows) else shown
    scale = COLUMNS[cost].scale
    draw_labels(
        axes,
        list(shown["label"].astype(str).map(short_texts(shown["label"], LONGEST))),
        positions(shown, cost),
        np.vstack([bar_boxes(barred, cost, scale), step_boxes(rows, cost, scale)]),
        positions(rest, cost),
        required=shown["method"].nunique(),
    )


def positions(rows: pd.DataFrame, cost: str) -> Sequence[tuple[float, float]]:
    """Return the position of each row in a panel."""
    return list(zip(rows[f"{cost}_mean"] / COLUMNS[cost].scale, rows["acc_mean"], strict=True))


def bar_boxes(rows: pd.DataFrame, cost: str, scale: float) -> np.ndarray[tuple[int, int]]:
    """Return the boxes of intervals [K, 4]."""
    x, y, half = rows[f"{cost}_mean"] / scale, rows["acc_mean"], half_widths(rows, "acc")
    bars = np.stack([x, y - half, x, y + half], axis=1)
    return np.asarray(bars[np.isfinite(bars).all(axis=1)])


def step_boxes(rows: pd.DataFrame, cost: str, scale: float) -> np.ndarray[tuple[int, int]]:
    """Return the boxes of the steps of the front [K, 4]."""
    corners = front_corners(rows, (cost, "acc")) / [scale, 1.0]
    start, end = corners[:-1], corners[1:]
    flat = np.hstack([start, end[:, :1], start[:, 1:]])
    rise = np.hstack([end[:, :1], start[:, 1:], end])
    return np.vstack([flat, rise])
