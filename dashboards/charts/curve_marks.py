"""The curves of accuracies: lines with bands, their looks, and labels at their ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.labels import spread_labels
from dashboards.charts.panels import panel_position
from dashboards.charts.theme import FAINT_LINE, GREY, assign_lines, assign_symbols, rgba_text
from orchestrator.results.units import interval_text

LINE = 14.0  # height of a label, in pixels
RANGE = (-0.03, 1.03)
# Lines of the same values are thinner the later they are drawn, and their points stand apart.
THICK, THIN, APART = 3.4, 1.6, 0.3
LABEL_LINE = {
    "arrowhead": 0,
    "arrowwidth": 0.8,
    "arrowcolor": GREY,
    "standoff": 5,
    "borderpad": 0,
}
MOST_MARKERS = 40  # of a line; more of them are a thick line
# Sizes of markers in pixels. Those of single points are hollow and shrink with the widths of the
# lines, so that none hides another of the same value or one beside it.
MARKER, SINGLE_PER_WIDTH = 7.0, 4.0
RIM = 1.6  # of a hollow marker, in pixels


@dataclass(frozen=True)
class Look:
    """The look of a configuration's curve.

    Attributes:
        color: of the line and its markers.
        dash: of the line.
        symbol: of the markers.
        width: of the line, in pixels.
        shift: of the points along the axis, in tasks.
    """

    color: str
    dash: str
    symbol: str
    width: float
    shift: float


def curve_looks(labels: pd.Series[Any]) -> dict[Any, Look]:
    """Return the look of the curve of each label, in order of appearance."""
    lines, symbols = assign_lines(labels), assign_symbols(labels)
    num = len(lines)
    step = min(0.06, APART / num)
    return {
        label: Look(
            line["color"],
            line["dash"],
            symbols[label],
            THICK - (THICK - THIN) * i / max(1, num - 1),
            (i - (num - 1) / 2) * step,
        )
        for i, (label, line) in enumerate(lines.items())
    }


def draw_curve(
    rows: pd.DataFrame, look: Look, markers: bool, task: int = 0
) -> Iterator[go.Scatter]:
    """Yield the faint line before a task was learned, the band if there are intervals, the line.

    Args:
        rows: the curve, of one panel.
        look: its look.
        markers: whether its points have markers; a single point has one in any case.
        task: the task of the panel.
    """
    rows = rows.sort_values("after")
    learned = rows[rows["after"] >= task]
    before = rows[rows["after"] <= (learned["after"].min() if len(learned) else np.inf)]
    if len(before) > 1:
        yield curve_line(before, look, markers).update(opacity=FAINT_LINE)
    spread = learned[np.isfinite(learned["accuracy_ci95"].astype(float))]
    if len(spread):
        yield interval_band(spread, look)
    if len(learned):
        yield curve_line(learned, look, markers or len(learned) == 1)


def interval_band(rows: pd.DataFrame, look: Look) -> go.Scatter:
    """Return the band of the intervals of the rows."""
    x = rows["after"].to_numpy(float) + look.shift
    mean, half = rows["accuracy_mean"].to_numpy(), rows["accuracy_ci95"].to_numpy()
    return go.Scatter(
        name=str(rows["label"].iloc[0]),
        hoverinfo="skip",
        mode="lines",
        fill="toself",
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([mean + half, (mean - half)[::-1]]),
        line={"width": 0},
        fillcolor=rgba_text(look.color, 0.16),
    )


def curve_line(rows: pd.DataFrame, look: Look, markers: bool) -> go.Scatter:
    """Return a line through the rows, with or without markers."""
    marker: dict[str, Any] = {"size": MARKER, "color": look.color, "symbol": look.symbol}
    if len(rows) == 1:
        marker |= {"size": SINGLE_PER_WIDTH * look.width, "symbol": f"{look.symbol}-open"}
        marker |= {"line": {"width": RIM}}
    label = str(rows["label"].iloc[0])
    cells = zip(rows["after"], rows["accuracy_mean"], rows["accuracy_ci95"], strict=True)
    return go.Scatter(
        name=label,
        mode="lines+markers" if markers else "lines",
        x=rows["after"] + look.shift,
        y=rows["accuracy_mean"],
        line={"color": look.color, "dash": look.dash, "width": look.width},
        marker=marker,
        hoverinfo="text",
        hovertext=[
            f"<b>{label}</b><br>after {after} tasks: {interval_text(mean, half)}"
            for after, mean, half in cells
        ],
    )


def add_end_labels(
    figure: go.Figure,
    rows: pd.DataFrame,
    looks: Mapping[Any, Look],
    place: tuple[int, int],
    height: int,
) -> None:
    """Add the label of each line at its end; a thin line leads to a label that had to move.

    Args:
        figure: changed.
        rows: curves of the panel, with `short`.
        looks: of the curves, by label.
        place: index of the panel, and panels in a row.
        height: of the panel, in pixels.
    """
    last = rows.sort_values("after", kind="stable").drop_duplicates("label", keep="last")
    axis = place[0] + 1 if place[0] else ""
    per_pixel = (RANGE[1] - RANGE[0]) / height
    places = spread_labels(last["accuracy_mean"].to_numpy(float), LINE * per_pixel)
    # A column of labels that is too low or too high is moved as a whole.
    places += max(0.0, RANGE[0] - places.min()) - max(0.0, places.max() - RANGE[1])
    edge = task_range(rows)[1]
    for row, y in zip(last.to_dict("records"), places, strict=True):
        look = looks[row["label"]]
        figure.add_annotation(
            x=row["after"] + look.shift,
            y=row["accuracy_mean"],
            text=row["short"],
            ax=edge,
            ay=y,
            axref=f"x{axis}",
            ayref=f"y{axis}",
            xanchor="left",
            font={"color": look.color, "size": 11},
            **LABEL_LINE,
            **panel_position(*place),
        )


def task_range(curves: pd.DataFrame) -> list[float]:
    """Return the range of the axis of tasks, with room for points that stand apart."""
    low, high = float(curves["after"].min()), float(curves["after"].max())
    room = 0.25 + 0.02 * (high - low)
    return [low - room, high + room]
