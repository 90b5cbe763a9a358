"""R of single trials, and accuracy curves; only the cells to show are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.data.comparing import add_labels
from dashboards.data.scope import Scope, sql_literals
from dashboards.data.sql_views import sql_literal
from dashboards.data.warehouse import Warehouse
from orchestrator.results.averages import average_over_seeds
from orchestrator.results.comparison import complete_evaluations
from orchestrator.results.early_ends import status_text
from orchestrator.results.metrics import R, metrics_after
from orchestrator.results.pooling import CONFIGURATION, IN_TABLE
from orchestrator.results.r_matrix import build_r

TRIAL = ["sweep", "trial_id", "seed"]


def list_configurations(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per configuration in scope, complete or not.

    Columns: IN_TABLE, `phase`, `method`, `trial_id`, `label`, `table`, `status` (each different
    one of its seeds, in words), `seeds` (a list) and `story` (the first).
    """
    rows = warehouse.results.trials
    rows = rows[scope.mask(rows)]
    rows = rows.assign(status=list(map(status_text, rows["status"], rows["story"])))
    by = [*CONFIGURATION[:-2], "phase", "method", "trial_id"]
    answer = (
        rows.groupby(by, sort=False, dropna=False)
        .agg(
            sweep=("sweep", "first"),
            status=("status", lambda texts: ", ".join(dict.fromkeys(texts))),
            seeds=("seed", list),
            story=("story", lambda texts: next(filter(None, texts), "")),
        )
        .reset_index()
    )
    return add_labels(warehouse, answer)[
        [*IN_TABLE, *by[3:], "label", "table", "status", "seeds", "story"]
    ]


def read_matrices(
    warehouse: Warehouse, sweep: str, trial_id: str, split: str = "test"
) -> dict[int, R]:
    """Return seed -> R [T+1, T] of the configuration that has an id in a sweep.

    NaN where no accuracy was measured. The seeds are those of all sweeps.
    """
    rows = warehouse.results.trials
    first = rows[rows["trial_id"] == trial_id]
    in_sweep = (first["sweep"] == sweep) | first["also_in"].str.split(", ").map(
        lambda names: sweep in names
    )
    setting = first[in_sweep].iloc[0][CONFIGURATION]
    rows = first[(first[CONFIGURATION] == setting).all(axis="columns")]
    # One query for all seeds.
    cells = dict(list(_cells(warehouse, rows, split).groupby("seed")))
    nothing = pd.DataFrame({"after": [], "task": [], "accuracy": []})
    return {
        int(seed): build_r(part["after"], part["task"], part["accuracy"], setting["num_tasks"])
        for seed in rows["seed"]
        for part in [cells.get(seed, nothing)]
    }


def _cells(warehouse: Warehouse, rows: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the accuracies of trials, with the columns of TRIAL, `after` and `task`."""
    sweeps, ids = (tuple(map(str, rows[name].unique())) for name in ("sweep", "trial_id"))
    if not sweeps:
        return pd.DataFrame(columns=[*TRIAL, "after", "task", "accuracy"])
    answer = warehouse.frame(
        f"SELECT {', '.join(TRIAL)}, after, task, accuracy FROM accuracy "
        f"WHERE sweep IN ({sql_literals(sweeps)}) AND trial_id IN ({sql_literals(ids)}) "
        f"AND split = {sql_literal(split)}"
    )
    # Sweeps and ids were asked for one by one: only pairs that belong together stay.
    return answer.merge(rows[TRIAL])


def mean_matrix(matrices: Mapping[int, R]) -> R:
    """Return the mean of R over seeds; NaN where a seed has NaN."""
    return np.asarray(np.mean(list(matrices.values()), axis=0), dtype=np.float64)


def mean_r(curves: pd.DataFrame) -> R:
    """Return R [T+1, T] of one configuration, its mean over seeds.

    Args:
        curves: the rows of `read_curves` of one configuration.
    """
    num_tasks = curves["num_tasks"].iloc[0]
    return build_r(curves["after"], curves["task"], curves["accuracy_mean"], num_tasks)


def mean_metrics(matrices: Mapping[int, R], scenario: str) -> dict[str, float]:
    """Return the mean of each metric over seeds; forgetting of the mean of R would differ."""
    by_seed = [metrics_after(r, r.shape[1], scenario) for r in matrices.values()]
    return {name: float(np.mean([figures[name] for figures in by_seed])) for name in by_seed[0]}


def read_curves(warehouse: Warehouse, rows: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Return the accuracy on each task after each number of tasks, over the complete seeds.

    Args:
        warehouse: the results.
        rows: rows of the comparison.
        split: "test" or "validation".

    Returns:
        IN_TABLE, `method`, `trial_id`, `label`, `table`, `after`, `task`, `n`, and `accuracy_mean`,
        `accuracy_std`, `accuracy_ci95`, by configuration in order of appearance.
    """
    cells, keys = _complete_cells(warehouse, rows, split)
    return _average_cells(cells, rows, [*keys, "after", "task"])


def read_average_curves(
    warehouse: Warehouse, rows: pd.DataFrame, split: str = "test"
) -> pd.DataFrame:
    """Return the accuracy over the tasks seen, where all of them were measured.

    Args:
        warehouse: the results.
        rows: rows of the comparison.
        split: "test" or "validation".

    Returns:
        The columns of `read_curves` without `task`; a row for each number of tasks from 1 on.
    """
    cells, keys = _complete_cells(warehouse, rows, split)
    seen = cells[(cells["task"] <= cells["after"]) & cells["accuracy"].notna()]
    by_seed = seen.groupby([*keys, "sweep", "seed", "after"], sort=False, dropna=False)["accuracy"]
    means = by_seed.agg(["mean", "count"]).reset_index()
    # Without a cell of a task seen, the mean of the others would not be comparable.
    means = means[means["count"] == means["after"]].rename(columns={"mean": "accuracy"})
    return _average_cells(means, rows, [*keys, "after"])


def _complete_cells(
    warehouse: Warehouse, rows: pd.DataFrame, split: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return the cells of R of the complete seeds, and the columns of a configuration."""
    keys = [*CONFIGURATION, "label", "table"]
    complete = complete_evaluations(warehouse.results.trials)
    order = rows[keys].assign(row=range(len(rows)))
    seeds = complete[[*CONFIGURATION, "sweep", "seed"]].merge(order, on=CONFIGURATION)
    return seeds.merge(_cells(warehouse, seeds, split), on=TRIAL), ["row", *keys]


def _average_cells(cells: pd.DataFrame, rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return averages over seeds in the order of the rows, with the first sweep of each."""
    table = average_over_seeds(cells, by, ["accuracy"])
    order = [name for name in ("row", "after", "task") if name in by]
    table = table.sort_values(order, ignore_index=True)
    table.insert(0, "sweep", rows["sweep"].to_numpy()[table.pop("row").to_numpy(int)])
    return table
