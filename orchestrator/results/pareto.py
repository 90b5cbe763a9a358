"""The Pareto front of configurations, with regard to the uncertainty of their metrics.

A row beats another in a metric if its whole 95% interval is on the better side of the other's whole
interval. Without an interval (one seed, or a cost that is equal on all seeds) the values are
compared. A row is not on the front if another row beats or equals it in every metric and beats it
in at least one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.columns import is_small_better
from orchestrator.errors import RepertoireError, UnknownName, suggest
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.objective.objective_text import Mode

DEFAULT_METRICS = ("acc", "storage_bytes", "compute_flops")


def default_modes(metrics: Sequence[str]) -> tuple[Mode, ...]:
    """Return "min" for costs and forgetting, "max" for other metrics."""
    return tuple("min" if is_small_better(metric) else "max" for metric in metrics)


def require_numbers(trials: pd.DataFrame, metrics: Sequence[str]) -> None:
    """Raise unless the metrics that are columns of the trials hold numbers.

    Raises:
        RepertoireError: one does not; lists the columns that do.
    """
    numeric = trials.select_dtypes("number").columns.astype(str)
    for metric in metrics:
        if metric in trials and metric not in numeric:
            raise RepertoireError(
                f"a front compares numbers, and the column {metric!r} has none; "
                f"{suggest(metric, numeric)}"
            )


def front_mask(
    table: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT_METRICS,
    modes: Sequence[Mode] | None = None,
    within: Sequence[str] = (),
) -> pd.Series[bool]:
    """Return for each row whether it is on the front.

    Equal rows are on the front together; a row with an undefined metric is not on it.

    Args:
        table: has a column `<metric>_mean` for each metric, and may have `<metric>_ci95`, half the
            width of its interval.
        metrics: the metrics to compare.
        modes: "max" or "min" for each metric; None: `default_modes`.
        within: columns; each combination of their values has a front of its own.

    Raises:
        UnknownName: the table has no such metric, or there is no such mode.
        RepertoireError: there is no metric, or not one mode for each.
    """
    available = [str(name).removesuffix("_mean") for name in table if str(name).endswith("_mean")]
    objective = _check_objective(metrics, modes, available)
    front = pd.Series(False, index=table.index)
    parts = [rows for _, rows in table.groupby(list(within), sort=False)] if within else [table]
    for rows in parts:
        defined = rows[[f"{metric}_mean" for metric in metrics]].notna().all(axis=1)
        front[defined.index[defined]] = _table_front_mask(rows[defined], objective)
    return front


def _table_front_mask(rows: pd.DataFrame, objective: Objective) -> NDArray[np.bool_]:
    # Larger is better in every column from here on.
    signs = np.array([1.0 if mode == "max" else -1.0 for mode in objective.modes])
    values = rows[[f"{metric}_mean" for metric in objective.metrics]].to_numpy(float) * signs
    half = [
        rows[f"{metric}_ci95"].fillna(0).to_numpy(float)
        if f"{metric}_ci95" in rows
        else np.zeros(len(rows))
        for metric in objective.metrics
    ]
    low, high = values - np.stack(half, axis=1), values + np.stack(half, axis=1)
    unbeaten = np.ones(len(rows), dtype=bool)
    # A row that the low ends of any row beat is beaten by a row on the front of the low ends.
    for i in objective.front([tuple(point) for point in low * signs]):
        unbeaten &= ~((low[i] >= high).all(axis=1) & (low[i] > high).any(axis=1))
    return unbeaten


def _check_objective(
    metrics: Sequence[str], modes: Sequence[Mode] | None, available: Sequence[str]
) -> Objective:
    modes = default_modes(metrics) if modes is None else tuple(modes)
    for metric in metrics:
        if metric not in available:
            raise UnknownName("metric of the front", metric, available)
    for mode in modes:
        if mode not in ("max", "min"):
            raise UnknownName("mode", mode, ("max", "min"))
    if not metrics or len(modes) != len(metrics):
        given = f"{list(metrics)} and {list(modes)}"
        raise RepertoireError(f"a front needs a metric, and a mode for each, given {given}")
    return Objective(tuple(metrics), tuple(modes))
