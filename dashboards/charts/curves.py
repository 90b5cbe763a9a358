"""The accuracy on each task while later tasks are learned."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import add_traces, empty_figure, panel_position, panels
from dashboards.charts.plain import plain_texts
from dashboards.charts.theme import GREY, assign_lines, rgba_text

COLUMNS, HEIGHT = 3, 190


@plain_texts
def forgetting(curves: pd.DataFrame) -> go.Figure:
    """Draw the accuracy on each task after 0..T tasks: a panel per task, a line per configuration.

    A vertical line marks the point at which the task was learned; bands are 95% intervals.

    Args:
        curves: `label`, `after`, `task`, `accuracy_mean`, `accuracy_ci95`, of one setting, as from
            `orchestrator.results.averages.average_over_seeds`.
    """
    if curves.empty:
        return empty_figure("No accuracy was measured.")
    tasks = sorted(int(task) for task in curves["task"].unique())
    figure = panels([f"task {task}" for task in tasks], COLUMNS, HEIGHT)
    styles = assign_lines(curves["label"])
    for index, task in enumerate(tasks):
        where, rows = panel_position(index, COLUMNS), curves[curves["task"] == task]
        groups = rows.groupby("label", sort=False)
        lines = (_line(label, part.sort_values("after"), styles[label]) for label, part in groups)
        add_traces(figure, chain.from_iterable(lines), where)
    # All at once, since plotly takes quadratic time to add them one by one.
    figure.update_layout(shapes=[_learned_line(task, index) for index, task in enumerate(tasks)])
    figure.update_xaxes(dtick=max(1, len(tasks) // 5), title="tasks learned")
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_yaxes(title="accuracy (test)", col=1)
    return figure.update_layout(hovermode="closest")


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


def _line(label: Hashable, rows: pd.DataFrame, style: dict[str, str]) -> Iterator[go.Scatter]:
    """Yield the band, if there are intervals, and the line."""
    after, mean, spread = (
        rows[name].to_numpy(float) for name in ("after", "accuracy_mean", "accuracy_ci95")
    )
    has_interval = np.isfinite(mean + spread)
    if has_interval.any():
        measured = after[has_interval]
        upper, lower = (mean + spread)[has_interval], (mean - spread)[has_interval]
        yield go.Scatter(
            name=str(label),
            showlegend=False,
            hoverinfo="skip",
            mode="lines",
            fill="toself",
            x=np.concatenate([measured, measured[::-1]]),
            y=np.concatenate([upper, lower[::-1]]),
            line={"width": 0},
            fillcolor=rgba_text(style["color"], 0.16),
        )
    interval = " ± %{customdata:.3f}" if has_interval.any() else ""
    yield go.Scatter(
        name=str(label),
        mode="lines+markers",
        x=after,
        y=mean,
        customdata=spread,
        line=style,
        marker={"size": 5, "color": style["color"]},
        hovertemplate=f"after %{{x}} tasks: %{{y:.3f}}{interval}",
    )
