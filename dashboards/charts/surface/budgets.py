"""Accuracy against one budget at a fixed other: a line per method, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log10
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.charts.labels import spread_labels
from dashboards.charts.method_styles import Style, method_styles
from dashboards.charts.panels import empty_figure
from dashboards.charts.quantities import short_label
from dashboards.charts.surface.break_even import (
    LinePanel,
    break_even_labels,
    break_even_ring,
    find_break_even,
)
from dashboards.charts.surface.styles import error_bars, plain_surface
from dashboards.charts.theme import GREY, template
from orchestrator.results.intervals import Floats
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import interval_text
from orchestrator.sweep.means.budget_text import epochs_number
from orchestrator.terminal.surface_names import COMPUTE_AXIS, UNFIT, storage_name

HEIGHT, ROW, EDGES = 400, 22, 110  # of the lines, of a row of what does not fit, pixels
LABEL = 16  # height of a label, in pixels
WIDTH = 520  # of the least wide drawing, in pixels: that of a report
# Room for labels, and that before them, as shares of the range of budgets.
ROOM, NEAR, BEFORE = 0.3, 0.04, 0.05


def storage_chart(surface: Surface, compute: int, metric: str = "acc") -> go.Figure:
    """Draw the metric against bytes at one computation, with 95% intervals as bars.

    Methods are named beside their lines; joint retraining is dashed. Below, crosses mark the
    budgets that a method does not fit.

    Args:
        surface: with storage in its means.
        compute: number of the budget of computation.
        metric: name of the metric of the surface.
    """
    if surface.storage == (None,):
        return empty_figure("Storage is not in the means of this sweep.")
    surface = plain_surface(surface)
    axis = [float(size or 0) for size in surface.storage]
    names = list(map(storage_name, surface.storage))
    unfit = surface.infeasible[:, :, compute]
    figure = draw_lines(surface, (axis, names), (slice(None), slice(None), compute), unfit)
    figure.update_xaxes(title="storage carried from task to task (B)", row=2 if unfit.any() else 1)
    return figure.update_yaxes(title=short_label(metric), row=1)


def compute_chart(surface: Surface, storage: int, metric: str = "acc") -> go.Figure:
    """Draw the metric against computation at one storage, as `storage_chart`.

    A ring marks each point at which joint retraining overtakes a method, with its computation.
    """
    if surface.compute == (None,):
        return empty_figure("Computation is not in the means of this sweep.")
    surface = plain_surface(surface)
    axis = [float(epochs or 0) for epochs in surface.compute]
    names = [epochs_number(epochs) for epochs in axis]
    unfit = surface.infeasible[:, storage]
    figure = draw_lines(surface, (axis, names), (slice(None), storage), unfit)
    marks = find_break_even(surface, storage)
    figure.add_traces(list(map(break_even_ring, marks)))
    panel = free_part(axis, figure.layout.yaxis.range)
    for note in break_even_labels(marks, surface, storage, panel):
        figure.add_annotation(note, row=1, col=1)
    figure.update_xaxes(title=COMPUTE_AXIS, row=2 if unfit.any() else 1)
    return figure.update_yaxes(title=short_label(metric), row=1)


def draw_lines(
    surface: Surface,
    axis: tuple[list[float], list[str]],
    line: tuple[Any, ...],
    unfit: np.ndarray[Any, np.dtype[np.bool_]],
) -> go.Figure:
    """Draw a line of each method along one axis.

    Args:
        surface: its texts are escaped.
        axis: budgets, and their names.
        line: index of the line of each method in an array [M, A, B].
        unfit: which budgets each method does not fit [M, N].
    """
    styles = method_styles(surface)
    mean, half = surface.mean[line], surface.half_width[line]
    rows = [m for m in range(len(mean)) if unfit[m].any()]
    figure = line_panels(len(rows))
    for m in range(len(mean)):
        if np.isfinite(mean[m]).any():
            trace = method_line(surface.methods[m], axis[0], mean[m], half[m], styles[m])
            figure.add_trace(trace, row=1, col=1)
    low, high = value_range(mean)
    for label in line_labels(surface.methods, axis[0], mean, styles, (high - low) / HEIGHT * LABEL):
        figure.add_annotation(label, row=1, col=1)
    for m in rows:
        figure.add_trace(
            unfit_marks(surface.methods[m], axis[0], unfit[m], styles[m]), row=2, col=1
        )
    figure.update_yaxes(range=[low, high], row=1)
    if rows:
        figure.update_yaxes(title=UNFIT, autorange="reversed", row=2)
    return figure.update_xaxes(budget_axis(*axis))


def line_panels(num_unfit: int) -> go.Figure:
    """Return a figure with a panel of lines, and one of rows below it if there are any."""
    below = ROW * num_unfit + 10
    figure = make_subplots(
        rows=2 if num_unfit else 1,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.04,
        row_heights=[HEIGHT, below] if num_unfit else None,
    )
    height = HEIGHT + EDGES + (below if num_unfit else 0)
    return figure.update_layout(template=template(), height=height, showlegend=False)


def method_line(
    name: str, budgets: list[float], mean: Floats, half: Floats, style: Style
) -> go.Scatter:
    """Return the line of a method, with its intervals as bars."""
    return go.Scatter(
        name=name,
        mode="lines+markers",
        x=budgets,
        y=mean,
        line={"color": style.color, "dash": style.dash},
        marker={"color": style.color, "size": 7},
        error_y=error_bars(np.nan_to_num(half), style.color),
        hoverinfo="text",
        hovertext=[
            f"<b>{name}</b>: {interval_text(float(m), float(h))}"
            for m, h in zip(mean, half, strict=True)
        ],
    )


def unfit_marks(
    name: str, budgets: list[float], unfit: np.ndarray[Any, np.dtype[np.bool_]], style: Style
) -> go.Scatter:
    """Return the crosses at the budgets that a method does not fit."""
    x = [budget for budget, no in zip(budgets, unfit, strict=True) if no]
    return go.Scatter(
        name=f"{name}: {UNFIT}",
        mode="markers",
        x=x,
        y=[name] * len(x),
        marker={"symbol": "x", "size": 9, "color": style.color},
        hoverinfo="name",
    )


def value_range(mean: Floats) -> tuple[float, float]:
    """Return the range of an axis: 0 to 1 for accuracies, else that of the means with room."""
    low, high = float(np.nanmin(mean, initial=0.0)), float(np.nanmax(mean, initial=0.0))
    if low >= 0 and high <= 1:
        return -0.02, 1.02
    room = 0.05 * (high - low or 1.0)
    return low - room, high + room


def budget_axis(budgets: Sequence[float], names: Sequence[str]) -> dict[str, Any]:
    """Return a logarithmic axis with a tick for each budget, and room for labels at its end."""
    low, high, width = exponents(budgets)
    ticks = {"tickvals": list(budgets), "ticktext": list(names), "tickangle": 0}
    return {"type": "log", "range": [low - BEFORE * width, high + ROOM * width], **ticks}


def exponents(budgets: Sequence[float]) -> tuple[float, float, float]:
    """Return the exponents of the first and the last budget, and the width of their range."""
    low, high = log10(budgets[0]), log10(budgets[-1])
    return low, high, (high - low) or 1.0


def free_part(budgets: Sequence[float], limits: tuple[float, float]) -> LinePanel:
    """Return the part of the panel of lines up to the labels at their ends."""
    low, high, width = exponents(budgets)
    ends = (low - BEFORE * width, high + NEAR * width)
    share = (ends[1] - ends[0]) / (width * (1 + BEFORE + ROOM))
    return LinePanel(ends, limits, (share * WIDTH, HEIGHT))


def line_labels(
    names: Sequence[str], budgets: list[float], mean: Floats, styles: Sequence[Style], gap: float
) -> Iterator[dict[str, Any]]:
    """Yield the label of each line: at the right, and joined to the last point of the line."""
    lines = [m for m in range(len(mean)) if np.isfinite(mean[m]).any()]
    last = [int(np.flatnonzero(np.isfinite(mean[m]))[-1]) for m in lines]
    ends = np.array([mean[m, at] for m, at in zip(lines, last, strict=True)])
    _, high, width = exponents(budgets)
    for m, at, end, place in zip(lines, last, ends, spread_labels(ends, gap), strict=True):
        point, label = (log10(budgets[at]), end), (high + NEAR * width, place)
        yield joined_label(names[m], point, label, styles[m].color)


def joined_label(
    text: str, point: tuple[float, float], place: tuple[float, float], color: str
) -> dict[str, Any]:
    """Return an annotation: a text that begins at a place, with a line to a point."""
    return {
        **dict(zip(("x", "y", "ax", "ay"), (*point, *place), strict=True)),
        "axref": "x",
        "ayref": "y",
        "xanchor": "left",
        "text": text,
        "font": {"color": color, "size": 12},
        "arrowhead": 0,
        "arrowwidth": 0.8,
        "arrowcolor": GREY,
    }
