"""The accuracy of one method over the grid of means, with lines of equal accuracy."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.quantities import interval_text, metric_text, short_label
from dashboards.charts.surface.styles import (
    INCOMPLETE,
    UNFIT,
    grid_axes,
    hatched_cells,
    plain_surface,
)
from dashboards.charts.theme import SCALE, bar_title, template
from orchestrator.results.statistics import Floats
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.surface_tables import compute_name, storage_name

ROW, EDGES = 60, 130  # pixels
SMALLEST = 3  # budgets of each kind that lines of equal accuracy take


def accuracies(surface: Surface, method: int, metric: str = "acc") -> go.Figure:
    """Draw the metric of a method in each cell, in numbers and colours.

    Colours are the same for all methods. With at least three budgets of each kind there are lines
    of equal accuracy. Hatched: the method does not fit, or is not complete.
    """
    surface = plain_surface(surface)
    mean, unfit = surface.mean[method], surface.infeasible[method]
    low, high = color_range(surface)
    height = ROW * len(surface.storage) + EDGES
    figure = go.Figure(layout={"template": template(), "height": height, "barmode": "overlay"})
    figure.update_layout(showlegend=False, bargap=0)
    names = (list(map(storage_name, surface.storage)), list(map(compute_name, surface.compute)))
    figure.add_trace(accuracy_cells(mean, surface.half_width[method], names))
    if min(mean.shape) >= SMALLEST and np.isfinite(mean).any():
        figure.add_trace(iso_lines(mean, low, high))
    for why, cells in ((UNFIT, unfit), (INCOMPLETE, np.isnan(mean) & ~unfit)):
        if cells.any():
            figure.add_trace(hatched_cells([(int(a), int(b)) for a, b in np.argwhere(cells)], why))
    title = bar_title(short_label(metric))
    figure.update_layout(
        coloraxis={"colorscale": SCALE, "cmin": low, "cmax": high, "colorbar": {"title": title}}
    )
    grid_axes(figure, names)
    return figure


def accuracy_cells(mean: Floats, half: Floats, names: tuple[list[str], list[str]]) -> go.Heatmap:
    """Return the cells [A, B] in numbers and colours, given the names of the budgets."""
    storage, compute = names
    return go.Heatmap(
        z=mean,
        coloraxis="coloraxis",
        text=[[metric_text(v) if v == v else "" for v in row] for row in mean.tolist()],
        texttemplate="%{text}",
        hoverinfo="text",
        hovertext=[
            [
                f"{row}, {column}<br>{interval_text(float(mean[a, b]), float(half[a, b]))}"
                for b, column in enumerate(compute)
            ]
            for a, row in enumerate(storage)
        ],
        xgap=1,
        ygap=1,
    )


def iso_lines(mean: Floats, low: float, high: float) -> go.Contour:
    """Return lines of equal accuracy, a tenth apart, or five over a smaller range."""
    step = 0.1 if high - low > 0.3 else (high - low) / 5
    return go.Contour(
        z=mean,
        contours={
            "coloring": "none",
            "showlabels": True,
            "start": low,
            "end": high,
            "size": step,
            "labelfont": {"color": "white", "size": 11},
        },
        line={"color": "white", "width": 1.5},
        showscale=False,
        hoverinfo="skip",
    )


def color_range(surface: Surface) -> tuple[float, float]:
    """Return the tenths around the means of all methods."""
    means = surface.mean[np.isfinite(surface.mean)]
    if not len(means):
        return 0.0, 1.0
    low, high = floor(means.min() * 10), ceil(means.max() * 10)
    return low / 10, max(high, low + 1) / 10
