"""The figure of forgetting: the accuracy on each task while later tasks are learned."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from dashboards.charts.curve_marks import Look, curve_looks
from dashboards.charts.theme import FAINT_LINE
from dashboards.figures.canvas import create_figure, split_tables

ACROSS, WIDTH, HEIGHT = 5, 1.75, 1.75  # panels in a row; inches
HEADER, FOOTER = 0.4, 0.25  # height of a table's title and of a line of the legend, inches
IN_A_LINE = 4  # entries of the legend
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


def forgetting(curves: pd.DataFrame, seen: pd.DataFrame | None = None) -> Figure:
    """Draw accuracy against tasks learned: a panel per task, a line per configuration.

    Each table of comparable rows has its own panels, the first of the mean over the tasks seen. A
    dotted line marks the point at which the task was learned; what was before is faint; bands are
    95% intervals over seeds.

    Args:
        curves: rows of `dashboards.data.matrices.read_curves`, of at least one configuration.
        seen: rows of `dashboards.data.matrices.read_average_curves`; None: no first panel.
    """
    # The mean over the tasks seen is drawn as the panel of a task 0.
    curves = curves if seen is None else pd.concat([curves, seen.assign(task=0)])
    parts = split_tables(curves[curves["accuracy_mean"].notna()])
    down = [ceil(rows["task"].nunique() / ACROSS) for _, rows in parts]
    across = min(ACROSS, curves["task"].nunique())
    styles = curve_looks(curves["label"])
    height = HEADER * len(parts) + FOOTER * ceil(len(styles) / IN_A_LINE) + HEIGHT * sum(down)
    figure = create_figure(max(WIDTH * across, 4.5), height)
    places = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=down)[:, 0]
    for part, (title, rows), num_rows in zip(places, parts, down, strict=True):
        part.suptitle(title, fontsize=10)
        _panels(part, rows, (num_rows, across), styles)
    _draw_legend(figure, styles)
    return figure


def _draw_legend(figure: Figure, styles: Mapping[object, Look]) -> None:
    by_label = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    lines = {label: line for label, line in by_label.items() if label in styles}
    figure.legend(
        list(lines.values()),
        list(map(str, lines)),
        loc="outside lower center",
        ncols=IN_A_LINE,
        fontsize=8,
        frameon=False,
    )


def _panels(
    part: FigureBase,
    rows: pd.DataFrame,
    shape: tuple[int, int],
    styles: Mapping[object, Look],
) -> None:
    grid = part.subplots(*shape, squeeze=False, sharey=True)
    tasks = sorted(int(task) for task in rows["task"].unique())
    for axes in grid.flat[len(tasks) :]:
        axes.remove()
    for axes, task in zip(grid.flat, tasks, strict=False):
        for label, curve in rows[rows["task"] == task].groupby("label", sort=False):
            draw_curve(axes, curve.sort_values("after"), styles[label], task)
        _set_axes(axes, task)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (test)", fontsize=8)


def _set_axes(axes: Axes, task: int) -> None:
    """Set the title and the axes of a panel, and mark the point at which the task was learned."""
    if task:
        axes.axvline(task, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_title(f"task {task}" if task else "mean over the tasks seen", fontsize=9)
    axes.set_xlabel("tasks learned", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_ylim(-0.03, 1.03)


def draw_curve(axes: Axes, rows: pd.DataFrame, look: Look, task: int) -> None:
    """Draw a line with its band, faint up to the first measurement after a task was learned."""
    learned = rows[rows["after"] >= task]
    before = rows[rows["after"] <= (learned["after"].min() if len(learned) else np.inf)]
    after, mean, spread = (learned[name] for name in ("after", "accuracy_mean", "accuracy_ci95"))
    axes.fill_between(
        after + look.shift, mean - spread, mean + spread, color=look.color, alpha=0.16, linewidth=0
    )
    _draw_line(axes, before, look, FAINT_LINE, "_before")  # "_": not in the legend
    _draw_line(axes, learned, look, 1.0, rows["label"].iloc[0])


def _draw_line(axes: Axes, rows: pd.DataFrame, look: Look, opacity: float, label: str) -> None:
    axes.plot(
        rows["after"] + look.shift,
        rows["accuracy_mean"],
        color=look.color,
        linestyle=DASHES[look.dash],
        marker="o",
        markersize=2.5,
        linewidth=0.7 * look.width,
        alpha=opacity,
        label=label,
    )
