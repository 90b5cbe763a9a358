"""R of single trials, and how accuracy on each task moves; only cells that are shown are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboards.data.comparing import named
from dashboards.data.scope import Scope, sql_literals
from dashboards.data.views import sql_literal
from dashboards.data.warehouse import Warehouse
from orchestrator.results.averages import over_seeds
from orchestrator.results.comparison import evaluated
from orchestrator.results.matrix import r_of_cells
from orchestrator.results.metrics import R, all_after
from orchestrator.results.pooling import CONFIGURATION, SETTING

TRIAL = ["sweep", "trial_id", "seed"]


def trials(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per configuration of the scope: SETTING, phase, method, trial_id, label, status.

    `seeds` lists its seeds, `status` each different status of them.
    """
    rows = warehouse.results.trials
    rows = rows[scope.holds(rows)]
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
    return named(warehouse, answer)[
        [*SETTING, *by[3:], "label", "table", "status", "seeds", "story"]
    ]


def matrices(warehouse: Warehouse, sweep: str, trial_id: str, split: str = "test") -> dict[int, R]:
    """Return R [T+1, T] by seed of the configuration that has this id in a sweep.

    NaN where there is no accuracy. The seeds are all it has, whatever sweep they are in.
    """
    rows = warehouse.results.trials
    first = rows[rows["trial_id"] == trial_id]
    held_here = (first["sweep"] == sweep) | first["also_in"].str.split(", ").map(
        lambda names: sweep in names
    )
    setting = first[held_here].iloc[0][CONFIGURATION]
    rows = first[(first[CONFIGURATION] == setting).all(axis="columns")]
    cells = dict(list(_cells(warehouse, rows, split).groupby("seed")))
    nothing = pd.DataFrame({"after": [], "task": [], "accuracy": []})
    return {
        int(seed): r_of_cells(part["after"], part["task"], part["accuracy"], setting["num_tasks"])
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
    return answer.merge(rows[TRIAL])


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
        rows: of the comparison.
        split: "test" or "validation".

    Returns:
        SETTING, `method`, `trial_id`, `label`, `table`, `after`, `task`, `n`, and `accuracy_mean`,
        `accuracy_std`, `accuracy_ci95`, by configuration in order of appearance.
    """
    whose = [*CONFIGURATION, "label", "table"]
    complete = evaluated(warehouse.results.trials)
    order = rows[whose].assign(row=range(len(rows)))
    seeds = complete[[*CONFIGURATION, "sweep", "seed"]].merge(order, on=CONFIGURATION)
    cells = seeds.merge(_cells(warehouse, seeds, split), on=TRIAL)
    table = over_seeds(cells, ["row", *whose, "after", "task"], ["accuracy"])
    table = table.sort_values(["row", "after", "task"], ignore_index=True)
    table.insert(0, "sweep", rows["sweep"].to_numpy()[table.pop("row").to_numpy(int)])
    return table
