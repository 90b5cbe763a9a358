"""The Pareto front of configurations: those of which none is better in every respect."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.sweep.objective import Mode, Objective

DEFAULT = ("acc", "storage_bytes", "compute_flops")
# What is better the smaller it is.
SMALL = ("_bytes", "_flops", "seconds", "samples", "forgetting")


def usual_modes(metrics: Sequence[str]) -> tuple[Mode, ...]:
    """Return "min" for costs and forgetting, "max" for all else."""
    return tuple("min" if metric.endswith(SMALL) else "max" for metric in metrics)


def on_front(
    table: pd.DataFrame,
    metrics: Sequence[str] = DEFAULT,
    modes: Sequence[Mode] | None = None,
    within: Sequence[str] = (),
) -> pd.Series[bool]:
    """Return for each row whether no other is as good in all metrics and better in one.

    Means are compared as they are, whatever their intervals. Equal rows are on the front together;
    a row with an undefined metric is not on it.

    Args:
        table: with a column `<metric>_mean` for each metric.
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
        means = rows[[f"{metric}_mean" for metric in metrics]]
        defined = means.notna().all(axis=1)
        points = [tuple(map(float, point)) for point in means[defined].to_numpy()]
        front[means[defined].index[objective.front(points)]] = True
    return front


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
