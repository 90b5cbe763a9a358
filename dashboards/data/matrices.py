"""R of single trials, and how accuracy on each task moves; only cells that are shown are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.data.comparing import named, statistics, with_intervals
from dashboards.data.scope import COMPARED, Scope, those
from dashboards.data.warehouse import CONFIGURATION, Warehouse, quoted
from orchestrator.metrics import R, all_after
from orchestrator.results.results import SETTING, Results


def trials(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per configuration of the scope: SETTING, phase, method, trial_id, label, status.

    `seeds` lists those with an accuracy, `status` each different status of its seeds.
    """
    columns = ", ".join([*SETTING, "phase", "method", "trial_id"])
    found = warehouse.frame(
        f"SELECT {columns}, string_agg(DISTINCT status, ', ') AS status, "
        "list(seed ORDER BY place) AS seeds, any_value(story) AS story "
        f"FROM trials WHERE {scope.where()} GROUP BY ALL ORDER BY min(place)"
    )
    return named(warehouse, found)


def matrices(warehouse: Warehouse, sweep: str, trial_id: str, split: str = "test") -> dict[int, R]:
    """Return R [T+1, T] of a trial by seed; NaN where there is no accuracy."""
    whose = f"sweep = {quoted(sweep)} AND trial_id = {quoted(trial_id)}"
    rows = warehouse.frame(f"SELECT * FROM trials WHERE {whose} ORDER BY place")
    cells = warehouse.frame(f"SELECT * FROM accuracy WHERE {whose} AND split = {quoted(split)}")
    results = Results(rows, cells, pd.DataFrame())
    return {int(seed): results.r_matrix(trial_id, seed, split) for seed in rows["seed"]}


def mean_matrix(matrices: Mapping[int, R]) -> R:
    """Return the mean of R over seeds; NaN where any seed has none."""
    return np.asarray(np.mean(list(matrices.values()), axis=0), dtype=np.float64)


def mean_metrics(matrices: Mapping[int, R], scenario: str) -> dict[str, float]:
    """Return the mean over seeds of each metric; of forgetting, it is not that of the mean of R."""
    by_seed = [all_after(r, r.shape[1], scenario) for r in matrices.values()]
    return {name: float(np.mean([figures[name] for figures in by_seed])) for name in by_seed[0]}


def curves(warehouse: Warehouse, rows: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Return the accuracy on each task after each number of tasks, over the complete seeds.

    Args:
        warehouse: where they are.
        rows: names the configurations, by `sweep` and `trial_id`.
        split: "test" or "validation".

    Returns:
        SETTING, `method`, `trial_id`, `label`, `table`, `after`, `task`, `n`, and `accuracy_mean`,
        `accuracy_std`, `accuracy_ci95`, by configuration in order of appearance.
    """
    chosen = those(rows)
    names = ", ".join([*SETTING, "method", "trial_id"])
    found = warehouse.frame(
        f"SELECT {names}, after, task, count(*) AS n, {statistics(['accuracy'])} "
        f"FROM (SELECT * FROM accuracy WHERE {chosen} AND split = {quoted(split)}) "
        f"JOIN (SELECT {names}, seed, place FROM trials WHERE {' AND '.join([*COMPARED, chosen])}) "
        "USING (sweep, trial_id, seed) GROUP BY ALL ORDER BY min(place), after, task"
    )
    table = named(warehouse, with_intervals(found, ["accuracy"]).assign(phase="evaluation"))
    return table.drop(columns=CONFIGURATION[1])
