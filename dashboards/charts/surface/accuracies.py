"""The accuracy of one method over the grid of means, with lines of equal accuracy."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.panels import panel_position, panels
from dashboards.charts.quantities import short_label
from dashboards.charts.surface.styles import grid_axes, hatched_cells, plain_surface
from dashboards.charts.theme import SCALE, bar_title, template
from orchestrator.results.intervals import Floats
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import decimal_text, interval_text
from orchestrator.terminal.surface_names import (
    budget_text,
    compute_name,
    empty_masks,
    storage_name,
)

ROW, EDGES = 60, 130  # pixels
SMALL_ROW, ACROSS, GAP = 34, 3, 0.1  # of panels: see `charts.panels.panels`
CELLS, TEXT = {"type": "heatmap"}, {"textfont": {"size": 11}}
STEPS = {0.1: 0.3, 0.05: 0.0}  # between lines of equal accuracy -> smallest range
SMALLEST = 3  # budgets of each kind that lines of equal accuracy take


def accuracies(surface: Surface, method: int, metric: str = "acc") -> go.Figure:
    """Draw the metric of a method in each cell, in numbers and colours.

    Colours are the same for all methods. With at least three budgets of each kind there are lines
    of equal accuracy. Hatched: the method does not fit, is above its
    budget, is not complete, or was not asked for.
    """
    surface = plain_surface(surface)
    height = ROW * len(surface.storage) + EDGES
    figure = go.Figure(layout={"template": template(), "height": height})
    figure.add_traces(grid_traces(surface, method))
    names = (list(map(storage_name, surface.storage)), list(map(compute_name, surface.compute)))
    grid_axes(figure, names)
    return color_grid(figure, surface, metric)


def all_accuracies(surface: Surface, metric: str = "acc") -> go.Figure:
    """Draw the metric of every method in each cell, a panel per method; as `accuracies`."""
    surface = plain_surface(surface)
    height = SMALL_ROW * len(surface.storage)
    figure = panels(surface.methods, ACROSS, height, GAP)
    for method in range(len(surface.methods)):
        traces = grid_traces(surface, method)
        where = panel_position(method, ACROSS)
        figure.add_traces(traces, *([where[side]] * len(traces) for side in ("row", "col")))
    names = (
        [budget_text(size, None) for size in surface.storage],
        [budget_text(None, epochs) for epochs in surface.compute],
    )
    grid_axes(figure, names)
    figure.update_xaxes(title="").update_yaxes(title="", showticklabels=False)
    figure.update_yaxes(showticklabels=True, col=1).update_traces(TEXT, selector=CELLS)
    return color_grid(figure, surface, metric)


def color_grid(figure: go.Figure, surface: Surface, metric: str) -> go.Figure:
    """Set the colours of grids, those of all methods of a surface, and their bar."""
    low, high = color_range(surface)
    title = bar_title(short_label(metric))
    return figure.update_layout(
        showlegend=False,
        barmode="overlay",
        bargap=0,
        coloraxis={"colorscale": SCALE, "cmin": low, "cmax": high, "colorbar": {"title": title}},
    )


def grid_traces(surface: Surface, method: int) -> list[go.Heatmap | go.Contour | go.Bar]:
    """Return the cells of a method, lines of equal accuracy, and the hatched cells."""
    mean = surface.mean[method]
    traces = [accuracy_cells(surface, method)]
    if bounds_lines(mean):
        traces.append(iso_lines(mean))
    for why, cells in empty_masks(surface).items():
        if places := [(int(a), int(b)) for a, b in np.argwhere(cells[method])]:
            traces.append(hatched_cells(places, why))
    return traces


def accuracy_cells(surface: Surface, method: int) -> go.Heatmap:
    """Return the cells of a method in numbers and colours."""
    mean, half = surface.mean[method], surface.half_width[method]
    return go.Heatmap(
        z=mean,
        coloraxis="coloraxis",
        text=[[decimal_text(v) if v == v else "" for v in row] for row in mean.tolist()],
        texttemplate="%{text}",
        hoverinfo="text",
        hovertext=[
            [
                f"{storage_name(size)}, {compute_name(epochs)}<br>"
                f"{interval_text(float(mean[a, b]), float(half[a, b]))}"
                for b, epochs in enumerate(surface.compute)
            ]
            for a, size in enumerate(surface.storage)
        ],
        xgap=1,
        ygap=1,
    )


def bounds_lines(mean: Floats) -> bool:
    """Return whether a grid has lines of equal accuracy: it is large enough, and not of one row."""
    known = np.isfinite(mean)
    return bool(min(mean.shape) >= SMALLEST and min(*(known.any(axis=i).sum() for i in (0, 1))) > 1)


def iso_lines(mean: Floats) -> go.Contour:
    """Return lines of equal accuracy, at the levels of `iso_levels`."""
    start, step, end = iso_levels(mean)
    return go.Contour(
        z=mean,
        contours={
            "coloring": "none",
            "showlabels": True,
            "start": start,
            "end": end,
            "size": step,
            "labelfont": {"color": "white", "size": 11},
        },
        line={"color": "white", "width": 1.5},
        showscale=False,
        hoverinfo="skip",
    )


def iso_levels(mean: Floats) -> tuple[float, float, float]:
    """Return the lowest level of lines of equal accuracy, their distance, and the highest.

    Levels are multiples of 0.1, or of 0.05 over a smaller range, so that lines of two methods are
    at common values.
    """
    low, high = float(np.nanmin(mean)), float(np.nanmax(mean))
    step = next(step for step, least in STEPS.items() if high - low >= least)
    return ceil(low / step) * step, step, floor(high / step) * step


def color_range(surface: Surface) -> tuple[float, float]:
    """Return the tenths around the means of all methods."""
    means = surface.mean[np.isfinite(surface.mean)]
    if not len(means):
        return 0.0, 1.0
    low, high = floor(means.min() * 10), ceil(means.max() * 10)
    return low / 10, max(high, low + 1) / 10
