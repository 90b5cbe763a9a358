"""Accuracy against price: the price of each trial, and the best trial for each price."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.cost_axes import WIDE, round_values
from dashboards.charts.method_styles import Style, method_styles
from dashboards.charts.panels import empty_figure, legend
from dashboards.charts.quantities import short_label
from dashboards.charts.surface.styles import plain_surface
from dashboards.charts.theme import GREY, template
from orchestrator.results.intervals import Floats
from orchestrator.results.surface.prices import Prices, price_winners, trial_prices
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import interval_text, short_number
from orchestrator.terminal.price_tables import reason_without_prices
from orchestrator.terminal.surface_names import cell_name

HEIGHT, EDGES = 380, 130  # pixels
ROOM = 0.05  # at both ends of the axis of prices, as a share of it


def price_chart(surface: Surface, prices: Prices, metric: str = "acc") -> go.Figure:
    """Draw a point per method and cell, price across and the metric up, and the best of a price.

    The best is a step line: from each price on, the highest accuracy for that price or less.
    """
    surface = plain_surface(surface)
    price = trial_prices(surface, prices)
    if not np.isfinite(price).any():
        return empty_figure(reason_without_prices(prices))
    layout = {"template": template(), "height": HEIGHT + EDGES, "legend": legend(HEIGHT)}
    figure = go.Figure(layout=layout)
    figure.add_trace(best_line(surface, prices, highest=float(np.nanmax(price))))
    for method, style in enumerate(method_styles(surface)):
        cells = [(int(a), int(b)) for a, b in np.argwhere(np.isfinite(price[method]))]
        if cells:
            figure.add_trace(method_points(surface, method, style, cells, price[method]))
    figure.update_xaxes(type="log", title="price of a trial", **price_ticks(price))
    return figure.update_yaxes(title=short_label(metric))


def price_ticks(price: Floats) -> dict[str, Any]:
    """Return the range and round ticks of a logarithmic axis of prices; of no price nothing."""
    paid = price[price > 0]
    if not len(paid):
        return {}
    low, high = log10(float(paid.min())), log10(float(paid.max()))
    room = ROOM * (high - low) + 0.02
    values = round_values(low - room, high + room, WIDE)
    texts = [short_number(value) for value in values]
    return {
        "range": [low - room, high + room],
        "tickvals": values,
        "ticktext": texts,
        "tickangle": 0,
    }


def best_line(surface: Surface, prices: Prices, highest: float) -> go.Scatter:
    """Return the steps through the best trials for their price, up to the highest price."""
    winners = list(price_winners(surface, prices))
    best = [float(surface.mean[w.method, *w.place]) for w in winners]
    return go.Scatter(
        name="best for the price",
        mode="lines",
        x=[*(w.price for w in winners), highest],
        y=[*best, best[-1]],
        line={"color": GREY, "shape": "hv", "width": 1.5},
        hoverinfo="skip",
    )


def method_points(
    surface: Surface, method: int, style: Style, cells: list[tuple[int, int]], price: Floats
) -> go.Scatter:
    """Return a point for each cell of a method, given the price of each cell [A, B]."""
    symbol = "diamond" if style.pattern else "circle"
    return go.Scatter(
        name=surface.methods[method],
        mode="markers",
        x=[float(price[cell]) for cell in cells],
        y=[float(surface.mean[method, *cell]) for cell in cells],
        marker={"color": style.color, "size": 9, "symbol": symbol},
        hoverinfo="text",
        hovertext=[point_text(surface, method, cell, float(price[cell])) for cell in cells],
    )


def point_text(surface: Surface, method: int, cell: tuple[int, int], price: float) -> str:
    """Return the hover text of a trial: method, cell, price, accuracy."""
    mean, half = surface.mean[method, *cell], surface.half_width[method, *cell]
    return (
        f"<b>{surface.methods[method]}</b> at {cell_name(surface, *cell)}<br>"
        f"{short_number(price)}: {interval_text(float(mean), float(half))}"
    )
