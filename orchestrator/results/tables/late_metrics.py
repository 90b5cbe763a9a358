"""Metrics of a table that was written before they were added, computed from its accuracies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestrator.columns import METRICS, SELECTABLE
from orchestrator.results.metrics import FUNCTIONS, R, r_after
from orchestrator.results.r_matrix import build_r

# Column -> its split, and the metric that it has of that split.
SOURCES = {
    **{name: ("test", name) for name in METRICS},
    **{f"val_{name}": ("validation", name) for name in SELECTABLE},
}
TRIAL = ["trial_id", "seed", "phase", "status", "scenario", "tasks_done", "num_tasks"]
KEY = ["trial_id", "seed", "split"]
CELL = ["after", "task", "accuracy"]

# (trial, seed, split) -> `after`, `task` and `accuracy` of its cells.
AccuracyCells = Mapping[tuple[str, int, str], Sequence[NDArray[Any]]]


def find_late_metrics(present: Collection[str]) -> list[str]:
    """Return the columns of metrics that are not among the columns of a trials table."""
    return [name for name in SOURCES if name not in present]


def add_late_metrics(trials: pa.Table, accuracy: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return the trials of a sweep with metrics computed from R.

    A row has the values that a table written today would have: null unless the trial is complete,
    null on test data for a candidate of a search, and null where a metric is undefined.

    Args:
        trials: the table; its columns `names` are replaced.
        accuracy: the accuracies of the same sweep.
        names: columns of metrics, on test or validation data.
    """
    cells = _group_cells(accuracy, {SOURCES[name][0] for name in names})
    figures = [_compute(names, trial, cells) for trial in trials.select(TRIAL).to_pylist()]
    for name in names:
        values = np.array([row.get(name, np.nan) for row in figures], dtype=np.float64)
        column = pa.array(values, pa.float64(), from_pandas=True)
        trials = trials.set_column(trials.schema.get_field_index(name), name, column)
    return trials


def _group_cells(accuracy: pa.Table, splits: set[str]) -> AccuracyCells:
    # A cell without an accuracy is NaN in R anyway.
    table = accuracy.select([*KEY, *CELL]).drop_null().to_pandas()
    table = table[table["split"].isin(splits)]
    columns = [table[name].to_numpy() for name in CELL]
    groups = table.groupby(KEY, sort=False).indices
    return {key: [column[rows] for column in columns] for key, rows in groups.items()}


def _compute(
    names: Sequence[str], trial: Mapping[str, Any], cells: AccuracyCells
) -> dict[str, float]:
    """Return those of the metrics that a trial has."""
    if trial["status"] != "complete":
        return {}
    # A candidate of a search has no figures on test data.
    splits = ("validation",) if trial["phase"] == "search" else ("test", "validation")
    matrices = {split: r for split in splits if (r := _build_r(trial, split, cells)) is not None}
    return {
        name: FUNCTIONS[metric](matrices[split], trial["scenario"])
        for name in names
        for split, metric in [SOURCES[name]]
        if split in matrices
    }


def _build_r(trial: Mapping[str, Any], split: str, cells: AccuracyCells) -> R | None:
    """Return R over the tasks that a trial learned; None without cells."""
    key = (trial["trial_id"], trial["seed"], split)
    if key not in cells or trial["tasks_done"] is None:
        return None
    after, task, accuracy = cells[key]
    r = build_r(after, task, accuracy, trial["num_tasks"])
    return r_after(r, min(trial["tasks_done"], trial["num_tasks"]))
