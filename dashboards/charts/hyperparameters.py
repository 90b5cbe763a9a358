"""The candidates of a search by hyperparameter, in parallel coordinates."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import get_colorscale

from dashboards.charts.panels import empty_figure
from dashboards.charts.plain import plain_texts
from dashboards.charts.quantities import metric_text
from dashboards.charts.theme import GREY, SCALE, template
from orchestrator.terminal.escaping import escape_plotly

DECADES = 2  # a positive hyperparameter that spans more has a logarithmic axis
MAX_TICKS = 6  # up to so many different values, each has a tick


@plain_texts
def parallel_coordinates(candidates: pd.DataFrame, objective: str = "objective") -> go.Figure:
    """Draw a line per candidate through its hyperparameters to its objective.

    Grey lines to the bottom of the last axis are candidates without an objective, which were
    stopped.

    Args:
        candidates: a row per candidate: `config.*` columns (those that vary are drawn),
            `tasks_done`, and the objective.
        objective: the column that ranks candidates (validation).
    """
    names = varying_hyperparameters(candidates)
    if candidates.empty or not names:
        return empty_figure("No hyperparameter varies among these candidates.")
    values = candidates[objective].astype(float)
    low, high = (values.min(), values.max()) if values.notna().any() else (0.0, 1.0)
    # A little below the lowest value, where the scale is grey.
    unknown = low - 0.06 * ((high - low) or 1.0)
    last = {
        "label": f"{objective} (validation)",
        "values": values.fillna(unknown),
        "tickvals": [unknown, low, high],
        "ticktext": ["not known", metric_text(low), metric_text(high)],
    }
    dimensions = [dimension(name, candidates[name]) for name in names]
    if "tasks_done" in candidates and candidates["tasks_done"].nunique() > 1:
        dimensions.append(dimension("tasks learned", candidates["tasks_done"]))
    line = {
        "color": values.fillna(unknown),
        "cmin": unknown,
        "cmax": high,
        "colorscale": _scale_with_grey(),
        "showscale": False,
    }
    figure = go.Figure(layout={"template": template(), "height": 420})
    figure.add_trace(go.Parcoords(dimensions=[*dimensions, last], line=line))
    return figure.update_layout(margin={"t": 70, "l": 70, "r": 70, "b": 30})


def varying_hyperparameters(candidates: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that vary."""
    config = [name for name in candidates.columns if name.startswith("config.")]
    return [name for name in config if candidates[name].nunique(dropna=False) > 1]


def dimension(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    """Return an axis of parallel coordinates, with numbers, exponents or names."""
    label = escape_plotly(name.removeprefix("config.").removeprefix("method."))
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any():
        names = sorted({value_name(value) for value in values})
        codes = [names.index(value_name(value)) for value in values]
        ticks = {"tickvals": list(range(len(names))), "ticktext": names}
        return {"label": label, "values": codes, **ticks}
    if values.min() > 0 and values.max() / values.min() >= 10**DECADES:
        return {"label": label, "values": np.log10(values), **_exponent_ticks(values)}
    if values.nunique() <= MAX_TICKS:
        return {"label": label, "values": values, "tickvals": sorted(values.unique())}
    return {"label": label, "values": values}


def value_name(value: object) -> str:
    """Return the name of a value that is no number of an axis; a dash where there is none."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _exponent_ticks(values: pd.Series[Any]) -> dict[str, Any]:
    exponents = list(range(floor(np.log10(values.min())), ceil(np.log10(values.max())) + 1))
    return {"tickvals": exponents, "ticktext": [f"{10.0**e:g}" for e in exponents]}


def _scale_with_grey() -> list[tuple[float, str]]:
    """Return the colour scale with grey below the lowest known value."""
    start = 0.05
    colours = [(start + (1 - start) * at, colour) for at, colour in get_colorscale(SCALE)]
    return [(0.0, GREY), (start, GREY), *colours]
