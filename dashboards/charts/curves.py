"""The accuracy over the tasks seen, and on each task, while later tasks are learned."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from rich.cells import cell_len

from dashboards.charts.curve_marks import (
    MOST_MARKERS,
    RANGE,
    add_end_labels,
    curve_looks,
    draw_curve,
    task_range,
)
from dashboards.charts.panels import EDGES, add_traces, empty_figure, panel_position, panels
from dashboards.charts.plain import escape_texts
from dashboards.charts.short_names import LONGEST, short_texts
from dashboards.charts.theme import GREY
from orchestrator.results.cells import spread_tasks

ACROSS, HEIGHT, TALL = 3, 190, 330  # panels in a row; heights of a panel, in pixels
LETTER = 6.6  # width of a letter of a label, in pixels
LONGEST_ALONE = 40  # letters of a label beside a panel that has a row for itself
LONGEST_BESIDE = 48  # letters of a label beside the last panel of a row that is not full


def average_accuracy(seen: pd.DataFrame) -> go.Figure:
    """Draw the accuracy over the tasks seen after 1..T tasks, a line per configuration.

    Lines have labels at their ends; bands are 95% intervals.

    Args:
        seen: `label`, `after`, `accuracy_mean`, `accuracy_ci95`, of one setting, as from
            `dashboards.data.matrices.read_average_curves`.
    """
    if not seen["accuracy_mean"].notna().any():
        return empty_figure("The accuracy on all tasks seen was not measured.")
    seen = with_short_labels(seen, LONGEST_ALONE)
    looks = curve_looks(seen["label"])
    figure, markers = panels([""], 1, TALL), seen["after"].nunique() <= MOST_MARKERS
    for label, rows in seen.groupby("label", sort=False):
        add_traces(figure, draw_curve(rows, looks[label], markers), panel_position(0, 1))
    add_end_labels(figure, seen, looks, (0, 1), TALL)
    ticks = max(1, int(seen["after"].max()) // 10)
    figure.update_xaxes(title="tasks learned", dtick=ticks, range=task_range(seen))
    figure.update_yaxes(title="accuracy over the tasks seen (test)", range=RANGE)
    return finish(figure, seen).update_layout(margin={"t": 20}, height=TALL + EDGES)


def forgetting(curves: pd.DataFrame) -> go.Figure:
    """Draw the accuracy on each task after 0..T tasks: a panel per task, a line per configuration.

    A vertical line marks the point at which the task was learned; what was before is faint. Bands
    are 95% intervals. Lines have labels at the end of each row of panels.

    Args:
        curves: `label`, `after`, `task`, `accuracy_mean`, `accuracy_ci95`, of one setting, as from
            `orchestrator.results.averages.average_over_seeds`. Lines join what was measured. Of
            more than MOST_TASKS tasks some have a panel, see `spread_tasks`.
    """
    if not curves["accuracy_mean"].notna().any():
        return empty_figure("No accuracy was measured.")
    names = curves["label"].astype(str)
    curves = curves.assign(wide=names.map(short_texts(names, LONGEST_BESIDE)))
    curves = with_short_labels(curves, LONGEST)
    looks = curve_looks(curves["label"])
    tasks, markers = spread_tasks(curves["task"]), curves["after"].nunique() <= MOST_MARKERS
    figure = panels([f"task {task}" for task in tasks], ACROSS, HEIGHT)
    for index, task in enumerate(tasks):
        where, rows = panel_position(index, ACROSS), curves[curves["task"] == task]
        for label, part in rows.groupby("label", sort=False):
            add_traces(figure, draw_curve(part, looks[label], markers, task), where)
        if index % ACROSS == ACROSS - 1 or task == tasks[-1]:
            has_room = index >= ACROSS and (index + 1) % ACROSS
            ends = rows.assign(short=rows["wide"]) if has_room else rows
            add_end_labels(figure, ends, looks, (index, ACROSS), HEIGHT)
    # All at once, since plotly takes quadratic time to add them one by one.
    figure.update_layout(shapes=[_learned_line(task, index) for index, task in enumerate(tasks)])
    ticks = max(1, int(curves["after"].max()) // 5)
    figure.update_xaxes(dtick=ticks, title="tasks learned", range=task_range(curves))
    figure.update_yaxes(range=RANGE)
    figure.update_yaxes(title="accuracy (test)", col=1)
    return finish(figure, curves)


def with_short_labels(curves: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the curves that were measured, escaped for Plotly, with the label at their ends.

    The columns `short` and `letters` are that label, of `most` letters, and its width before it was
    escaped.
    """
    measured = curves[curves["accuracy_mean"].notna()]
    short = measured["label"].astype(str).map(short_texts(measured["label"], most))
    return escape_texts(measured.assign(short=short, letters=short.map(cell_len)))


def finish(figure: go.Figure, curves: pd.DataFrame) -> go.Figure:
    """Return a figure with room for the labels at the right, and no legend."""
    room = LETTER * curves["letters"].max() + 20
    return figure.update_layout(showlegend=False, hovermode="closest", margin={"r": int(room)})


def _learned_line(task: int, index: int) -> dict[str, Any]:
    """Return the line that marks the point at which the task of a panel was learned."""
    axis = "" if index == 0 else str(index + 1)
    return {
        "type": "line",
        "xref": f"x{axis}",
        "yref": f"y{axis} domain",
        "x0": task,
        "x1": task,
        "y0": 0,
        "y1": 1,
        "line": {"dash": "dot", "color": GREY, "width": 1},
    }
