"""The candidates of searches and their learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import pandas as pd
from pandas.api.types import is_float_dtype

from dashboards.data.comparing import add_labels
from dashboards.data.documents import SEARCH
from dashboards.data.scope import Scope
from dashboards.data.sql_views import STATUS_TEXT
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import VALIDATED
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.units import three_digit_number

IS_SEARCH = "phase = 'search'"
CANDIDATE = 'sweep, "group", candidate, trial_id'
# A candidate is complete if all its seeds are; else it has the status and story of one that is not.
ENDED = (
    f"coalesce(min({STATUS_TEXT}) FILTER (status <> 'complete'), 'complete') AS status, "
    "coalesce(any_value(story) FILTER (story <> ''), '') AS story, "
    "coalesce(bool_or(selected), false) AS selected"
)


def read_candidates(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per candidate of the searches in scope, over its seeds.

    Columns: `sweep`, `group`, `candidate`, `trial_id`, `method`, `label`, `config.*`, `objective`,
    `status` (the worst of its seeds', in words), `story`, `selected`, `tasks_done` (the fewest),
    `n` seeds, and the mean of each of VALIDATED.
    """
    means = ", ".join(f"avg({name}) AS {name}" for name in VALIDATED)
    answer = warehouse.table(
        f"SELECT {CANDIDATE}, method, coalesce(any_value(config), '{{}}') AS config, "
        f"any_value(objective) AS objective, {ENDED}, min(tasks_done) AS tasks_done, "
        f"count(*) AS n, {means} "
        f"FROM trials WHERE {scope.where(IS_SEARCH)} GROUP BY ALL ORDER BY min(place)"
    )
    rows = with_config_columns(answer).to_pandas().assign(phase="search")
    return round_labels(add_labels(warehouse, rows))


def round_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Return candidates with three digits of each hyperparameter in their labels, as in drawings.

    Whole numbers stay, and so do all digits of labels that would be alike.
    """
    real = [name for name in rows if str(name).startswith("config.") and is_float_dtype(rows[name])]
    digits = [
        {f"{value:g}": three_digit_number(value) for value in values if isfinite(value)}
        for values in rows[real].to_numpy(float)
    ]
    short = pd.Series(
        [_round_words(label, texts) for label, texts in zip(rows["label"], digits, strict=True)],
        rows.index,
        object,
    )
    group = rows["sweep"].astype(str) + "\0" + rows["group"].astype(str) + "\0" + short
    return rows.assign(label=short.mask(group.duplicated(keep=False), rows["label"]))


def _round_words(label: str, texts: Mapping[str, str]) -> str:
    words = (word.rpartition("=") for word in label.split(" "))
    return " ".join(
        f"{name}{sign}{texts.get(value, value) if sign else value}" for name, sign, value in words
    )


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
    names = read_candidates(warehouse, scope)[["sweep", "trial_id", "label"]]
    return answer.merge(names, "left", ["sweep", "trial_id"])


def read_searches(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Return sweep -> content of its `search.json`, for the sweeps that have one."""
    answer = {folder.name: folder.document(SEARCH) for folder in warehouse.folders}
    return {name: document for name, document in answer.items() if document is not None}
