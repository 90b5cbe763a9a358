"""Axes of the trade-off: logarithmic for costs, with round ticks, and the colours of a metric."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Any

import pandas as pd

from dashboards.charts.quantities import find_quantity
from dashboards.charts.theme import SCALE


def axis_layout(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the layout of an axis; a logarithmic one has room for markers and labels."""
    values = table[f"{name}_mean"].dropna()
    if not find_quantity(name).cost or values.empty or values.min() <= 0:
        return find_quantity(name).axis()
    low, high = log10(values.min()), log10(values.max())
    room = 0.14 * (high - low) + 0.05
    return find_quantity(name).axis() | ticks(name, low - room, high + room)


def ticks(name: str, low: float, high: float) -> dict[str, Any]:
    """Return round ticks with units between two exponents, more of them on a short axis."""
    decades = high - low
    steps = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 5) if decades < 2.5 else (1,)
    values = [m * 10.0**e for e in range(floor(low), ceil(high) + 1) for m in steps]
    shown = [value for value in values if low <= log10(value) <= high]
    texts = [find_quantity(name).value_text(value) for value in shown]
    return {"range": [low, high], "tickangle": 0, "tickvals": shown, "ticktext": texts}


def axis_value(value: float, name: str) -> float:
    """Return the position of a value on its axis; an exponent on a logarithmic one."""
    return log10(value) if find_quantity(name).cost and value > 0 else value


def color_axis(values: pd.Series[float], colour: str) -> dict[str, Any]:
    """Return the colour axis; that of a metric ends at tenths around the values."""
    numbers = values.dropna()
    bounds = {}
    if len(numbers) and not find_quantity(colour).cost:
        low, high = floor(numbers.min() * 10), ceil(numbers.max() * 10)
        bounds = {"cmin": low / 10, "cmax": max(high, low + 1) / 10}
    title = {"text": find_quantity(colour).title, "side": "right"}
    return {"colorscale": SCALE, "colorbar": {"title": title}, **bounds}
