"""Axes of costs and metrics, with round ticks on logarithmic ones, and the colours of a metric."""

from __future__ import annotations

import re
from math import ceil, floor, inf, log10
from textwrap import wrap
from typing import Any

import pandas as pd

from dashboards.charts.quantities import find_quantity, short_label
from dashboards.charts.theme import SCALE, bar_title
from orchestrator.results.units import short_number, si_text

# Up to so many decades -> ticks in each: of a panel as wide as the page, of one half as wide.
Steps = dict[float, tuple[float, ...]]
FINE = (1, 1.5, 2, 3, 4, 5, 7)
WIDE: Steps = {0.8: FINE, 2.5: (1, 2, 5)}
NARROW: Steps = {0.4: FINE, 0.9: (1, 2, 5), 2.0: (1, 3)}
NARROW_TITLE = 22  # characters in a line of the title of a narrow axis


def axis_layout(table: pd.DataFrame, name: str, narrow: bool = False) -> dict[str, Any]:
    """Return the layout of an axis; a logarithmic one has room for markers and labels.

    The title of a narrow axis has several lines, and its ticks have prefixes without units.
    """
    quantity, values = find_quantity(name), table[f"{name}_mean"]
    values = values[values > 0]
    layout = quantity.axis()
    if narrow:
        layout["title"]["text"] = "<br>".join(wrap(quantity.title, NARROW_TITLE))
    if not quantity.cost or values.empty:
        return layout
    low, high = log10(values.min()), log10(values.max())
    room = 0.14 * (high - low) + 0.05
    shown = ticks(name, low - room, high + room, NARROW if narrow else WIDE)
    if narrow:
        shown["ticktext"] = [text.removesuffix(quantity.unit).strip() for text in shown["ticktext"]]
    return layout | shown


def ticks(name: str, low: float, high: float, steps_below: Steps) -> dict[str, Any]:
    """Return round ticks with units between two exponents, two at least, more on a short axis."""
    shown = round_values(low, high, steps_below)
    texts = [tick_text(name, value) for value in shown]
    return {"range": [low, high], "tickangle": 0, "tickvals": shown, "ticktext": texts}


def round_values(low: float, high: float, steps_below: Steps) -> list[float]:
    """Return round values between two exponents: the same in each decade, or else even ones."""
    suiting = sum(high - low >= most for most in steps_below)
    for steps in reversed([*steps_below.values(), (1,)][: suiting + 1]):
        values = [m * 10.0**e for e in range(floor(low), ceil(high) + 1) for m in steps]
        shown = [value for value in values if low <= log10(value) <= high]
        if len(shown) > 1:
            return shown
    return even_values(10.0**low, 10.0**high)


def even_values(low: float, high: float) -> list[float]:
    """Return two to five multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    decade = floor(log10(high - low))
    steps = (m * 10.0**e for e in (decade, decade - 1) for m in (5, 2, 1))
    numbers = ((range(ceil(low / step), floor(high / step) + 1), step) for step in steps)
    return next([n * step for n in several] for several, step in numbers if len(several) > 1)


def tick_text(name: str, value: float) -> str:
    """Return a round value of a quantity with its unit; of a time always in seconds: `2,000 s`."""
    quantity = find_quantity(name)
    if quantity.unit == "s" and value >= 1:
        return f"{short_number(value)} s"
    return trim_zeros(quantity.value_text(value))


def trim_zeros(text: str) -> str:
    """Return a quantity without zeros at the end of its decimals: `1.5 kB` for `1.50 kB`."""
    return re.sub(r"\.0+(?= |$)|(?<=\.)(\d*[1-9])0+(?= |$)", r"\1", text)


def linear_ticks(highest: float, unit: str) -> dict[str, Any]:
    """Return round ticks with units, four to eight from 0 to the highest value of an axis.

    Plotly has no format with a blank between the number and the prefix: 10 MFLOP.
    """
    if not 0 < highest < inf:
        return {"rangemode": "tozero"}
    magnitude = 10.0 ** floor(log10(highest / 4))
    step = magnitude * max(m for m in (1, 2, 5) if 4 * m * magnitude <= highest)
    # Beyond the highest value too, where the axis may end.
    values = [number * step for number in range(floor(highest / step) + 2)]
    texts = [trim_zeros(si_text(value, unit)) for value in values]
    return {"rangemode": "tozero", "tickvals": values, "ticktext": texts}


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
    text = find_quantity(colour).title if find_quantity(colour).cost else short_label(colour)
    return {"colorscale": SCALE, "colorbar": {"title": bar_title(text)}, **bounds}
