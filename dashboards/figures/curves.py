"""The figure of forgetting: the accuracy on each task while later tasks are learned."""

from __future__ import annotations

from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from dashboards.charts.theme import assign_lines
from dashboards.figures.canvas import create_figure, split_tables

COLUMNS, WIDTH, HEIGHT = 5, 1.75, 1.75  # panels in a row; inches
HEADER, FOOTER = 0.4, 0.25  # height of a table's title and of a line of the legend, inches
IN_A_LINE = 4  # entries of the legend
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}


def forgetting(curves: pd.DataFrame) -> Figure:
    """Draw accuracy against tasks learned: a panel per task, a line per configuration.

    Each table of comparable rows has its own panels. A dotted line marks the point at which the
    task was learned; bands are 95% intervals over seeds.

    Args:
        curves: rows of `dashboards.data.matrices.read_curves`, of at least one configuration.
    """
    parts = split_tables(curves)
    down = [ceil(rows["task"].nunique() / COLUMNS) for _, rows in parts]
    across = min(COLUMNS, int(curves["task"].max()))
    styles = assign_lines(curves["label"])
    height = HEADER * len(parts) + FOOTER * ceil(len(styles) / IN_A_LINE) + HEIGHT * sum(down)
    figure = create_figure(max(WIDTH * across, 4.5), height)
    places = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=down)[:, 0]
    for part, (title, rows), num_rows in zip(places, parts, down, strict=True):
        part.suptitle(title, fontsize=10)
        _panels(part, rows, (num_rows, across), styles)
    lines_by_label = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    lines = {label: line for label, line in lines_by_label.items() if label in styles}
    figure.legend(
        list(lines.values()),
        list(map(str, lines)),
        loc="outside lower center",
        ncols=IN_A_LINE,
        fontsize=8,
        frameon=False,
    )
    return figure


def _panels(
    part: FigureBase,
    rows: pd.DataFrame,
    shape: tuple[int, int],
    styles: dict[object, dict[str, str]],
) -> None:
    grid = part.subplots(*shape, squeeze=False, sharey=True)
    tasks = sorted(int(task) for task in rows["task"].unique())
    for axes in grid.flat[len(tasks) :]:
        axes.remove()
    for axes, task in zip(grid.flat, tasks, strict=False):
        for label, curve in rows[rows["task"] == task].groupby("label", sort=False):
            _line(axes, curve.sort_values("after"), styles[label])
        axes.axvline(task, color="0.6", linewidth=0.8, linestyle=":")
        axes.set_title(f"task {task}", fontsize=9)
        axes.set_xlabel("tasks learned", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.set_ylim(-0.03, 1.03)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (test)", fontsize=8)


def _line(axes: Axes, rows: pd.DataFrame, style: dict[str, str]) -> None:
    after, mean, spread = (rows[name] for name in ("after", "accuracy_mean", "accuracy_ci95"))
    axes.fill_between(
        after, mean - spread, mean + spread, color=style["color"], alpha=0.16, linewidth=0
    )
    axes.plot(
        after,
        mean,
        color=style["color"],
        linestyle=DASHES[style["dash"]],
        marker="o",
        markersize=2.5,
        linewidth=1.3,
        label=rows["label"].iloc[0],
    )
