"""The candidates of searches and their learning curves."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboards.data.comparing import add_labels
from dashboards.data.folders import SEARCH
from dashboards.data.scope import Scope
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import VALIDATED
from orchestrator.results.tables.config_columns import with_config_columns

IS_SEARCH = "phase = 'search'"
CANDIDATE = 'sweep, "group", candidate, trial_id'
# A candidate is complete if all its seeds are; else it has the status and story of one that is not.
ENDED = (
    "coalesce(min(status) FILTER (status <> 'complete'), 'complete') AS status, "
    "coalesce(any_value(story) FILTER (story <> ''), '') AS story, "
    "coalesce(bool_or(selected), false) AS selected"
)


def read_candidates(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per candidate of the searches in scope, over its seeds.

    Columns: `sweep`, `group`, `candidate`, `trial_id`, `method`, `label`, `config.*`, `objective`,
    `status` (the worst of its seeds'), `story`, `selected`, `tasks_done` (the fewest), `n` seeds,
    and the mean of each of VALIDATED.
    """
    means = ", ".join(f"avg({name}) AS {name}" for name in VALIDATED)
    answer = warehouse.table(
        f"SELECT {CANDIDATE}, method, coalesce(any_value(config), '{{}}') AS config, "
        f"any_value(objective) AS objective, {ENDED}, min(tasks_done) AS tasks_done, "
        f"count(*) AS n, {means} "
        f"FROM trials WHERE {scope.where(IS_SEARCH)} GROUP BY ALL ORDER BY min(place)"
    )
    return add_labels(warehouse, with_config_columns(answer).to_pandas().assign(phase="search"))


def read_learning_curves(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return the validation accuracy of each candidate after each task, over its seeds.

    Columns: `sweep`, `group`, `candidate`, `trial_id`, `label`, `status`, `story`, `selected`,
    `after` and `val_acc`, the mean over the tasks learned so far and the seeds.
    """
    answer = warehouse.frame(
        f"SELECT {CANDIDATE}, after, {ENDED}, avg(accuracy) AS val_acc "
        "FROM (SELECT * FROM accuracy WHERE split = 'validation' AND task <= after) "
        f"JOIN (SELECT {CANDIDATE}, seed, status, story, selected, place FROM trials "
        f"WHERE {scope.where(IS_SEARCH)}) USING (sweep, trial_id, seed) "
        "GROUP BY ALL ORDER BY min(place), after"
    )
    return add_labels(warehouse, answer.assign(phase="search"))


def read_searches(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Return sweep -> content of its `search.json`, for the sweeps that have one."""
    answer = {folder.name: folder.document(SEARCH) for folder in warehouse.folders}
    return {name: document for name, document in answer.items() if document is not None}
