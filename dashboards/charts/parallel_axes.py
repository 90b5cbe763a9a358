"""Axes of parallel coordinates: where each candidate stands, and the ticks."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

import numpy as np
import pandas as pd

from dashboards.charts.cost_axes import even_values
from orchestrator.results.intervals import Floats
from orchestrator.results.units import objective_text, three_digit_number

DECADES = 2  # a positive hyperparameter that spans more has a logarithmic axis
STEPS = (1, 2, 5)
FEW = 6  # up to so many different values, each has a tick
NEAREST = 0.07  # ticks on a logarithmic axis, as a share of it
UNKNOWN = 0.12  # share of the axis of the objective below its least value


@dataclass(frozen=True)
class ParallelAxis:
    """An axis.

    Attributes:
        title: a name.
        places: of each candidate, from 0, the lower end, to 1.
        ticks: place -> text.
        texts: the value of each candidate.
    """

    title: str
    places: Floats
    ticks: dict[float, str]
    texts: list[str]


def hyperparameter_axis(
    name: str, values: pd.Series[Any], logarithmic: bool = False
) -> ParallelAxis:
    """Return the axis of a column `config.*`, of numbers, exponents or names."""
    title = name.removeprefix("config.").removeprefix("method.")
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any():
        return name_axis(title, values)
    numbers = values.astype(float)
    wide = numbers.min() > 0 and numbers.max() / numbers.min() >= 10**DECADES
    if wide or (logarithmic and numbers.min() > 0):
        return logarithmic_axis(title, numbers)
    distinct = sorted(numbers.unique())
    marks = distinct if len(distinct) <= FEW else round_ends(distinct[0], distinct[-1])
    return scaled_axis(title, numbers, marks, np.asarray(numbers, np.float64), np.array(marks))


def name_axis(title: str, values: pd.Series[Any]) -> ParallelAxis:
    """Return an axis with a place for each name, in alphabetic order."""
    texts = [value_name(value) for value in values]
    names = sorted({*texts})
    ticks = {i / max(1, len(names) - 1): name for i, name in enumerate(names)}
    place_of = {name: place for place, name in ticks.items()}
    return ParallelAxis(title, np.array([place_of[text] for text in texts]), ticks, texts)


def logarithmic_axis(title: str, values: pd.Series[float]) -> ParallelAxis:
    """Return an axis of exponents that ends at 1, 2 or 5 times a power of ten, with ticks there."""
    low, high = values.min(), values.max()
    decades = range(floor(log10(low)) - 1, ceil(log10(high)) + 2)
    steps = [step * 10.0**decade for decade in decades for step in STEPS]
    first = max(step for step in steps if step <= low * (1 + 1e-9))
    last = min(step for step in steps if step >= high * (1 - 1e-9) and step > first)
    between = [step for step in steps if first < step < last]
    powers = [step for step in between if abs(log10(step) - round(log10(step))) < 1e-9]
    marks = [first, *(powers if log10(last / first) > DECADES else between), last]
    return scaled_axis(title, values, marks, np.log10(values.to_numpy()), np.log10(marks))


def round_ends(low: float, high: float) -> list[float]:
    """Return even round values from one at or below `low` to one at or above `high`."""
    inner = even_values(low, high)
    step = inner[1] - inner[0]
    ends = range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)
    return [number * step for number in ends]


def scaled_axis(
    title: str, values: pd.Series[float], marks: list[float], places: Floats, ticks: Floats
) -> ParallelAxis:
    """Return an axis from the first to the last tick; those too near to another have no text.

    Args:
        title: of the axis.
        values: of the candidates.
        marks: the values with a tick, ascending.
        places: of the candidates, on any scale.
        ticks: the places of the marks on the same scale.
    """
    low, high = ticks[0], ticks[-1]
    length = (high - low) or 1.0
    shares = (np.asarray(ticks) - low) / length
    shown = {float(shares[0]): three_digit_number(marks[0])}
    for share, mark in zip(shares[1:], marks[1:], strict=True):
        is_last = mark == marks[-1]
        if share - max(shown) >= NEAREST and (is_last or 1 - share >= NEAREST):
            shown[float(share)] = three_digit_number(mark)
    return ParallelAxis(title, (places - low) / length, shown, [*map(three_digit_number, values)])


def objective_axis(objective: str, values: pd.Series[float]) -> ParallelAxis:
    """Return the axis of the objective, with a place below the least for those not known."""
    low, high = (values.min(), values.max()) if values.notna().any() else (0.0, 1.0)
    start = UNKNOWN if values.isna().any() else 0.0
    places = start + (1 - start) * (values - low) / ((high - low) or 1.0)
    ticks = {0.0: "not known"} if start else {}
    ticks |= {start: objective_text(low), 1.0: objective_text(high)}
    texts = ["not known" if pd.isna(value) else objective_text(value) for value in values]
    heights = np.asarray(places.fillna(0.0), np.float64)
    return ParallelAxis(f"{objective} (validation)", heights, ticks, texts)


def value_name(value: object) -> str:
    """Return the name of a value that is no number; a dash if it is missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
