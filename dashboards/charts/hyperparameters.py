"""The candidates of a search by hyperparameter, and the importance of each hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import get_colorscale

from dashboards.charts.panels import empty_figure
from dashboards.charts.quantities import metric_text
from dashboards.charts.theme import COLOURS, GREY, SCALE, template

MIN_CANDIDATES = 8  # with fewer, importances are noise
DECADES = 2  # a positive hyperparameter that spans more has a logarithmic axis
MAX_TICKS = 6  # up to so many different values, each has a tick
BAR, EDGES = 34, 80  # in pixels


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
    label = name.removeprefix("config.").removeprefix("method.")
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any():
        names = sorted({_value_name(value) for value in values})
        codes = [names.index(_value_name(value)) for value in values]
        ticks = {"tickvals": list(range(len(names))), "ticktext": names}
        return {"label": label, "values": codes, **ticks}
    if values.min() > 0 and values.max() / values.min() >= 10**DECADES:
        return {"label": label, "values": np.log10(values), **_exponent_ticks(values)}
    if values.nunique() <= MAX_TICKS:
        return {"label": label, "values": values, "tickvals": sorted(values.unique())}
    return {"label": label, "values": values}


def importance(candidates: pd.DataFrame, objective: str = "objective") -> go.Figure:
    """Draw the importance of each hyperparameter; see `importances`."""
    ranked = (
        candidates[candidates[objective].notna()] if objective in candidates else candidates[:0]
    )
    names = varying_hyperparameters(ranked)
    if len(ranked) < MIN_CANDIDATES:
        return empty_figure(
            f"Importance takes {MIN_CANDIDATES} candidates at full depth; there are {len(ranked)}."
        )
    if len(names) < 2:
        return empty_figure("Importance compares hyperparameters, of which fewer than two vary.")
    importance_of = importances(ranked, names, objective)
    figure = go.Figure(layout={"template": template(), "height": BAR * len(importance_of) + EDGES})
    figure.add_trace(
        go.Bar(
            x=importance_of.to_numpy(),
            y=[str(name) for name in importance_of.index],
            orientation="h",
            marker={"color": COLOURS[4], "line": {"width": 0}},
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )
    )
    figure.update_layout(margin={"t": 10})
    figure.update_xaxes(title="importance (share, sums to 1)", range=[0, 1])
    return figure.update_yaxes(autorange="reversed")


def importances(
    candidates: pd.DataFrame, names: Sequence[str], objective: str = "objective"
) -> pd.Series[float]:
    """Return the importance of each hyperparameter for the objective, as shares that sum to 1.

    This is the permutation importance (Breiman 2001, Random Forests, section 10) of scikit-learn's
    random forest on its training data, with negative values set to 0. It does not depend on the
    search algorithm, nor on monotonic transformations of a hyperparameter. All NaN if the forest
    learns nothing.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    x = np.column_stack([_encode(candidates[name]) for name in names])
    y = candidates[objective].to_numpy(float)
    forest = RandomForestRegressor(n_estimators=100, random_state=0).fit(x, y)
    importance_of = permutation_importance(
        forest, x, y, n_repeats=10, random_state=0
    ).importances_mean
    labels = [name.removeprefix("config.").removeprefix("method.") for name in names]
    shares = pd.Series(np.maximum(importance_of, 0), index=labels)
    return (shares / (shares.sum() or np.nan)).sort_values(ascending=False)


def _encode(values: pd.Series[Any]) -> NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(values):
        values = values.map(_value_name).astype("category").cat.codes
    return np.asarray(values.astype(float).fillna(-1.0), dtype=np.float64)


def _value_name(value: object) -> str:
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
