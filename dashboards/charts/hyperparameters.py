"""The candidates of a search by hyperparameter, in parallel coordinates."""

from __future__ import annotations

from collections.abc import Container
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from dashboards.charts.panels import empty_figure
from dashboards.charts.plain import plain_texts
from dashboards.charts.theme import GREY, HIGHLIGHT, SCALE, template
from orchestrator.results.units import objective_text
from orchestrator.results.variation import varying_columns
from orchestrator.terminal.escaping import escape_plotly

DECADES = 2  # a positive hyperparameter that spans more has a logarithmic axis
DARKEST = 0.3  # share of the colour scale that is left out
CLOSE = 1e-9  # difference of equal exponents
MAX_TICKS = 6  # up to so many different values, each has a tick
# Plotly draws all lines of parallel coordinates one pixel wide. A winner is several lines side by
# side, so many shares of an axis apart.
OFFSETS = (-0.006, -0.003, 0.0, 0.003, 0.006)


@plain_texts
def parallel_coordinates(
    candidates: pd.DataFrame, objective: str = "objective", logarithmic: Container[str] = ()
) -> go.Figure:
    """Draw a line per candidate through its hyperparameters to its objective.

    Grey lines to the bottom of the last axis are candidates without an objective, which were
    stopped. Lines of winners are thick, and have a colour that no other line has.

    Args:
        candidates: a row per candidate: `config.*` columns (those that vary are drawn),
            `tasks_done`, the objective, and maybe `selected`, of winners.
        objective: the column that ranks candidates (validation).
        logarithmic: paths of hyperparameters whose space is logarithmic.
    """
    names = varying_hyperparameters(candidates)
    if candidates.empty or not names:
        return empty_figure("No hyperparameter varies among these candidates.")
    values = candidates[objective].astype(float)
    low, high = (values.min(), values.max()) if values.notna().any() else (0.0, 1.0)
    # A little below the lowest value, where the scale is grey.
    room = 0.06 * ((high - low) or 1.0)
    unknown, won = low - room, high + room
    dimensions = [
        dimension(name, candidates[name], name.removeprefix("config.") in logarithmic)
        for name in names
    ]
    if "tasks_done" in candidates and candidates["tasks_done"].nunique() > 1:
        dimensions.append(dimension("tasks learned", candidates["tasks_done"]))
    dimensions.append(_objective_axis(objective, values, (unknown, low, high)))
    winners = values.isna() & False
    if "selected" in candidates:
        winners = candidates["selected"].astype(bool)
    colours = values.fillna(unknown).mask(winners, won)
    line = {
        "color": _with_copies(colours, winners),
        "cmin": unknown,
        "cmax": won,
        "colorscale": _scale_with_ends(),
        "showscale": False,
    }
    figure = go.Figure(layout={"template": template(), "height": 420})
    thick = [_thicken(each, winners) for each in dimensions]
    figure.add_trace(go.Parcoords(dimensions=thick, line=line))
    return figure.update_layout(margin={"t": 70, "l": 70, "r": 70, "b": 30})


def _with_copies(values: pd.Series[Any], winners: pd.Series[Any]) -> list[float]:
    """Return the values, then those of the winners once for each further line of theirs."""
    return [*values, *(value for value in values[winners] for _ in OFFSETS[1:])]


def _thicken(axis: dict[str, Any], winners: pd.Series[Any]) -> dict[str, Any]:
    """Return an axis on which each winner has a value for each of OFFSETS, none off its range."""
    values = np.asarray(axis["values"], float)
    low, high = values.min(), values.max()
    lines = values[winners.to_numpy(), None] + (high - low) * np.array(OFFSETS)
    # The first place of a winner is its own; the copies are last.
    copies = np.delete(lines, OFFSETS.index(0.0), axis=1).clip(low, high)
    return {**axis, "range": [low, high], "values": [*values, *copies.ravel()]}


def _objective_axis(
    objective: str, values: pd.Series[Any], ends: tuple[float, float, float]
) -> dict[str, Any]:
    """Return the axis of the objective, given the place of unknown values, the least and most."""
    ticks = ends if values.isna().any() else ends[1:]
    texts = ["not known", *map(objective_text, ends[1:])]
    return {
        "label": f"{objective} (validation)",
        "values": values.fillna(ends[0]),
        "tickvals": list(ticks),
        "ticktext": texts[-len(ticks) :],
    }


def varying_hyperparameters(candidates: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that vary."""
    config = [name for name in candidates.columns if name.startswith("config.")]
    return varying_columns(candidates, config)


def dimension(name: str, values: pd.Series[Any], logarithmic: bool = False) -> dict[str, Any]:
    """Return an axis of parallel coordinates, with numbers, exponents or names."""
    label = escape_plotly(name.removeprefix("config.").removeprefix("method."))
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any():
        names = sorted({value_name(value) for value in values})
        codes = [names.index(value_name(value)) for value in values]
        ticks = {"tickvals": list(range(len(names))), "ticktext": names}
        return {"label": label, "values": codes, **ticks}
    wide = values.min() > 0 and values.max() / values.min() >= 10**DECADES
    if wide or (logarithmic and values.min() > 0):
        return {"label": label, "values": np.log10(values), **_exponent_ticks(values)}
    if values.nunique() <= MAX_TICKS:
        shown = sorted(values.unique())
        texts = [tick_text(float(value)) for value in shown]
        return {"label": label, "values": values, "tickvals": shown, "ticktext": texts}
    return {"label": label, "values": values, "tickformat": ".3~g"}


def value_name(value: object) -> str:
    """Return the name of a value that is no number; a dash if it is missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _exponent_ticks(values: pd.Series[Any]) -> dict[str, Any]:
    """Return ticks at the powers of ten, or at the least and most if fewer than two are inside.

    If fewer than three powers are inside, there are ticks at 2 and 5 times the powers too.
    """
    low, high = np.log10(values.min()), np.log10(values.max())
    powers = range(floor(low), floor(high) + 1)
    steps = (1, 2, 5) if floor(high) - ceil(low) < 2 else (1,)
    marks = [exponent + np.log10(step) for exponent in powers for step in steps]
    inside = [mark for mark in marks if low - CLOSE <= mark <= high + CLOSE]
    if len(inside) < 2:
        inside = [low, high]
    return {"tickvals": inside, "ticktext": [tick_text(10.0**mark) for mark in inside]}


def tick_text(value: float) -> str:
    """Return a number with three digits, and without an exponent from 0.0001 to 99999."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:g}"


def _scale_with_ends() -> list[tuple[float, str]]:
    """Return the colour scale with grey below the lowest known value, and a winner's colour above.

    The darkest colours, which a dark background hides, are left out.
    """
    end = 0.05
    inner = np.linspace(0.0, 1.0, 6)
    colours = sample_colorscale(SCALE, DARKEST + (1 - DARKEST) * inner)
    places = np.linspace(end, 1 - end, len(inner)).round(4)  # a scale that goes back is not drawn
    between = list(zip(map(float, places), colours, strict=True))
    return [(0.0, GREY), (end, GREY), *between, (1 - end, HIGHLIGHT), (1.0, HIGHLIGHT)]
