"""The importance of each hyperparameter of a search for the objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboards.charts.hyperparameters import varying_hyperparameters
from dashboards.charts.panels import empty_figure
from dashboards.charts.parallel_axes import value_name
from dashboards.charts.theme import COLOURS, template
from orchestrator.terminal.escaping import escape_plotly

MIN_CANDIDATES = 8  # with fewer, importances are noise
BAR, EDGES = 34, 80  # in pixels


def importance(candidates: pd.DataFrame, objective: str = "objective") -> go.Figure:
    """Draw the importance of each hyperparameter; see `importances`."""
    ranked = (
        candidates[candidates[objective].notna()] if objective in candidates else candidates[:0]
    )
    names = varying_hyperparameters(ranked)
    if reason := reason_for_nothing(len(ranked), len(names)):
        return empty_figure(reason)
    shares = importances(ranked, names, objective)
    figure = go.Figure(layout={"template": template(), "height": BAR * len(shares) + EDGES})
    bars = go.Bar(
        x=shares.to_numpy(),
        y=[escape_plotly(name) for name in shares.index],
        orientation="h",
        marker={"color": COLOURS[4], "line": {"width": 0}},
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )
    figure.add_trace(bars)
    figure.update_layout(margin={"t": 10})
    figure.update_xaxes(title="importance (share, sums to 1)", range=[0, 1])
    return figure.update_yaxes(autorange="reversed")


def reason_for_nothing(num_candidates: int, num_varying: int) -> str:
    """Return why so many candidates with so many varying hyperparameters give no importance."""
    if num_candidates < MIN_CANDIDATES:
        given = f"there are {num_candidates}"
        return f"Importance takes {MIN_CANDIDATES} candidates at full depth; {given}."
    if num_varying < 2:
        return "Importance compares hyperparameters, of which fewer than two vary."
    return ""


def importances(
    candidates: pd.DataFrame, names: Sequence[str], objective: str = "objective"
) -> pd.Series[float]:
    """Return the importance of each hyperparameter for the objective, as shares that sum to 1.

    This is the permutation importance (Breiman 2001, Random Forests, section 10) of scikit-learn's
    random forest on its training data, with negative values set to 0 and a fixed seed, so that a
    report is the same every time. It does not depend on the search algorithm, nor on monotonic
    transformations of a hyperparameter. All NaN if the forest learns nothing.
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
        values = values.map(value_name).astype("category").cat.codes
    return np.asarray(values.astype(float).fillna(-1.0), dtype=np.float64)
