"""The candidates of a search by their hyperparameters: which values did well, which mattered."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import get_colorscale

from dashboards.charts.panels import empty
from dashboards.charts.quantities import number
from dashboards.charts.theme import COLOURS, GREY, SCALE, template

FEWEST = 8  # candidates below which an importance says nothing
DECADES = 2  # a positive hyperparameter that spans more is drawn by its exponent
FEW = 6  # different values, up to which each has a tick
BAR, EDGES = 34, 80  # in pixels


def parallel(candidates: pd.DataFrame, objective: str = "objective") -> go.Figure:
    """Draw a line per candidate through its hyperparameters to its objective.

    Grey, at the bottom of the last axis: the objective is not known, as the candidate was stopped.

    Args:
        candidates: a row per candidate: `config.*` columns (those that vary are drawn),
            `tasks_done`, and the objective.
        objective: the column ranked by (validation).
    """
    names = hyperparameters(candidates)
    if candidates.empty or not names:
        return empty("No hyperparameter varies among these candidates.")
    values = candidates[objective].astype(float)
    low, high = (values.min(), values.max()) if values.notna().any() else (0.0, 1.0)
    unknown = low - 0.06 * ((high - low) or 1.0)
    last = {
        "label": f"{objective} (validation)",
        "values": values.fillna(unknown),
        "tickvals": [unknown, low, high],
        "ticktext": ["not known", number(low), number(high)],
    }
    dimensions = [dimension(name, candidates[name]) for name in names]
    if "tasks_done" in candidates and candidates["tasks_done"].nunique() > 1:
        dimensions.append(dimension("tasks learned", candidates["tasks_done"]))
    line = {
        "color": values.fillna(unknown),
        "cmin": unknown,
        "cmax": high,
        "colorscale": _grey_below(),
        "showscale": False,
    }
    figure = go.Figure(layout={"template": template(), "height": 420})
    figure.add_trace(go.Parcoords(dimensions=[*dimensions, last], line=line))
    return figure.update_layout(margin={"t": 70, "l": 70, "r": 70, "b": 30})


def hyperparameters(candidates: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that vary."""
    config = [name for name in candidates.columns if name.startswith("config.")]
    return [name for name in config if candidates[name].nunique(dropna=False) > 1]


def dimension(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    """Return an axis of parallel coordinates: numbers, exponents of numbers, or names."""
    label = name.removeprefix("config.").removeprefix("method.")
    if not pd.api.types.is_numeric_dtype(values) or values.isna().any():
        names = sorted({_name(value) for value in values})
        codes = [names.index(_name(value)) for value in values]
        ticks = {"tickvals": list(range(len(names))), "ticktext": names}
        return {"label": label, "values": codes, **ticks}
    if values.min() > 0 and values.max() / values.min() >= 10**DECADES:
        return {"label": label, "values": np.log10(values), **_exponents(values)}
    if values.nunique() <= FEW:
        return {"label": label, "values": values, "tickvals": sorted(values.unique())}
    return {"label": label, "values": values}


def importance(candidates: pd.DataFrame, objective: str = "objective") -> go.Figure:
    """Draw how much the objective depends on each hyperparameter: see `importances`."""
    known = candidates[candidates[objective].notna()] if objective in candidates else candidates[:0]
    names = hyperparameters(known)
    if len(known) < FEWEST:
        return empty(f"Importance takes {FEWEST} candidates at full depth; there are {len(known)}.")
    if len(names) < 2:
        return empty("Importance compares hyperparameters, of which fewer than two vary.")
    importance_of = importances(known, names, objective)
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
    """Return the share of each hyperparameter in what a random forest learns of the objective.

    Permutation importance (Breiman 2001, Random Forests, section 10) of scikit-learn's forest, on
    the candidates themselves, negative ones set to 0. It does not depend on which algorithm
    searched, and a tree does not care whether a value or its exponent is given. All NaN if the
    forest learns nothing.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    x = np.column_stack([_coded(candidates[name]) for name in names])
    y = candidates[objective].to_numpy(float)
    forest = RandomForestRegressor(n_estimators=100, random_state=0).fit(x, y)
    importance_of = permutation_importance(
        forest, x, y, n_repeats=10, random_state=0
    ).importances_mean
    labels = [name.removeprefix("config.").removeprefix("method.") for name in names]
    shares = pd.Series(np.maximum(importance_of, 0), index=labels)
    return (shares / (shares.sum() or np.nan)).sort_values(ascending=False)


def _coded(values: pd.Series[Any]) -> NDArray[np.float64]:
    if not pd.api.types.is_numeric_dtype(values):
        values = values.map(_name).astype("category").cat.codes
    return np.asarray(values.astype(float).fillna(-1.0), dtype=np.float64)


def _name(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _exponents(values: pd.Series[Any]) -> dict[str, Any]:
    exponents = list(range(floor(np.log10(values.min())), ceil(np.log10(values.max())) + 1))
    return {"tickvals": exponents, "ticktext": [f"{10.0**e:g}" for e in exponents]}


def _grey_below() -> list[tuple[float, str]]:
    """Return the colour scale with grey for what lies below the lowest known value."""
    start = 0.05
    known = [(start + (1 - start) * at, colour) for at, colour in get_colorscale(SCALE)]
    return [(0.0, GREY), (start, GREY), *known]
