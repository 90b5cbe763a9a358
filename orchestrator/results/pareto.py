"""The Pareto front of configurations: those that no other beats beyond the uncertainty.

One beats another in a metric if its whole 95% interval is on the better side of the other's whole
interval; without an interval (one seed, or a cost that is the same on all seeds) the values
themselves count. A row is off the front if another beats or equals it in every metric, and beats it
in one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.columns import is_small_better
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.sweep.objective import Mode, Objective

DEFAULT = ("acc", "storage_bytes", "compute_flops")


def usual_modes(metrics: Sequence[str]) -> tuple[Mode, ...]:
    """Return "min" for costs and forgetting, "max" for all else."""
    return tuple("min" if is_small_better(metric) else "max" for metric in metrics)


def on_front(
    table: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT,
    modes: Sequence[Mode] | None = None,
    within: Sequence[str] = (),
) -> pd.Series[bool]:
    """Return for each row whether no other beats it, as the module says.

    Equal rows are on the front together; a row with an undefined metric is not on it.

    Args:
        table: with a column `<metric>_mean` for each metric, and `<metric>_ci95`, half the width of
            its interval, where there is one.
        metrics: what counts.
        modes: "max" or "min" for each; None as `usual_modes`.
        within: columns that make a front of their own for each of their values.

    Raises:
        UnknownName: the table has no such metric.
        RepertoireError: no metric, or not one mode for each.
    """
    known = [str(name).removesuffix("_mean") for name in table if str(name).endswith("_mean")]
    objective = _objective(metrics, modes, known)
    front = pd.Series(False, index=table.index)
    parts = [rows for _, rows in table.groupby(list(within), sort=False)] if within else [table]
    for rows in parts:
        defined = rows[[f"{metric}_mean" for metric in metrics]].notna().all(axis=1)
        front[defined.index[defined]] = _unbeaten(rows[defined], objective)
    return front


def _unbeaten(rows: pd.DataFrame, objective: Objective) -> NDArray[np.bool_]:
    """Return for each row whether no other beats it."""
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
    # Who is beaten by one row's low ends is beaten by one on the front of low ends.
    for i in objective.front([tuple(point) for point in low * signs]):
        unbeaten &= ~((low[i] >= high).all(axis=1) & (low[i] > high).any(axis=1))
    return unbeaten


def _objective(
    metrics: Sequence[str], modes: Sequence[Mode] | None, known: Sequence[str]
) -> Objective:
    modes = usual_modes(metrics) if modes is None else tuple(modes)
    for metric in metrics:
        if metric not in known:
            raise UnknownName("metric of the front", metric, known)
    for mode in modes:
        if mode not in ("max", "min"):
            raise UnknownName("mode", mode, ("max", "min"))
    if not metrics or len(modes) != len(metrics):
        given = f"{list(metrics)} and {list(modes)}"
        raise RepertoireError(f"a front needs a metric, and a mode for each, given {given}")
    return Objective(tuple(metrics), tuple(modes))
