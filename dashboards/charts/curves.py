"""How each task fares while later ones are learned."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import add, empty, panels, place
from dashboards.charts.theme import GREY, lines_of, translucent

COLUMNS, HEIGHT = 3, 190


def forgetting(curves: pd.DataFrame) -> go.Figure:
    """Draw the accuracy on each task after 0..T tasks, a panel per task, configurations overlaid.

    A vertical line marks when the task was learned; bands are 95% intervals over seeds.

    Args:
        curves: `label`, `after`, `task`, `accuracy_mean`, `accuracy_ci95`, of one setting; as
            `orchestrator.results.results.over_seeds` gives them.
    """
    if curves.empty:
        return empty("No accuracy was measured.")
    tasks = sorted(int(task) for task in curves["task"].unique())
    figure = panels([f"task {task}" for task in tasks], COLUMNS, HEIGHT)
    styles = lines_of(curves["label"])
    for index, task in enumerate(tasks):
        where, rows = place(index, COLUMNS), curves[curves["task"] == task]
        groups = rows.groupby("label", sort=False)
        lines = (_line(label, part.sort_values("after"), styles[label]) for label, part in groups)
        add(figure, chain.from_iterable(lines), where)
    # All at once: plotly takes quadratic time to add them one by one.
    figure.update_layout(shapes=[_learned(task, index) for index, task in enumerate(tasks)])
    figure.update_xaxes(dtick=max(1, len(tasks) // 5), title="tasks learned")
    figure.update_yaxes(range=[-0.02, 1.02])
    figure.update_yaxes(title="accuracy (test)", col=1)
    return figure.update_layout(hovermode="closest")


def _learned(task: int, index: int) -> dict[str, Any]:
    """Return the line that marks when the task of a panel was learned."""
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
    """Yield the band, where there is one, and the line upon it."""
    after, mean, spread = (
        rows[name].to_numpy(float) for name in ("after", "accuracy_mean", "accuracy_ci95")
    )
    known = np.isfinite(mean + spread)
    if known.any():
        measured, upper, lower = after[known], (mean + spread)[known], (mean - spread)[known]
        yield go.Scatter(
            name=str(label),
            showlegend=False,
            hoverinfo="skip",
            mode="lines",
            fill="toself",
            x=np.concatenate([measured, measured[::-1]]),
            y=np.concatenate([upper, lower[::-1]]),
            line={"width": 0},
            fillcolor=translucent(style["color"], 0.16),
        )
    interval = " ± %{customdata:.3f}" if known.any() else ""
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
