"""Metrics that a table lacks: every one is computed from R by its own function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dashboards.data.warehouse
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import METRICS, VALIDATED
from orchestrator.results.load import load
from orchestrator.results.metrics import FUNCTIONS
from orchestrator.results.tables import tables
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables

NAN = float("nan")
# Rows: after 0, 1, 2, 3 tasks. Columns: tasks 1, 2, 3.
TEST = np.array([[0.1, 0.2, 0.3], [0.9, 0.4, 0.35], [0.95, 0.8, 0.5], [0.6, 0.7, 0.85]])
VALIDATION = np.array([[0.2, 0.2, 0.2], [0.8, 0.3, 0.1], [0.7, 0.9, 0.3], [0.4, 0.5, 1.0]])
LATE = (*METRICS, *VALIDATED)
SEEDS = {
    0: {"phase": "evaluation", "status": "complete", "tasks_done": 3},
    1: {"phase": "search", "status": "complete", "tasks_done": 3},
    2: {"phase": "evaluation", "status": "stopped", "tasks_done": 3},
    3: {"phase": "search", "status": "complete", "tasks_done": 2},  # of `on_tasks: 2`
    4: {"phase": "evaluation", "status": "complete", "tasks_done": 3},  # has no cells
}


def cells(seed: int, split: str, r: np.ndarray) -> list[dict[str, Any]]:
    key = {"sweep": "s", "trial_id": "a", "seed": seed, "split": split, "n": 10}
    shape = [(after, task) for after in range(4) for task in range(1, 4)]
    # Backwards: the order of the cells does not matter.
    return [key | {"after": i, "task": j, "accuracy": r[i, j - 1]} for i, j in reversed(shape)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder whose trials table was written before there were any metrics."""
    folder = tmp_path_factory.mktemp("late") / "s"
    shared = {"sweep": "s", "trial_id": "a", "config": "{}", "scenario": "task", "num_tasks": 3}
    shared["method"] = "finetune"
    rows = [shared | {"seed": seed, **row} for seed, row in SEEDS.items()]
    accuracy = [
        cell
        for seed in (0, 1, 2, 3)
        for split, r in (("test", TEST), ("validation", VALIDATION))
        for cell in cells(seed, split, r)
    ]
    trials = pa.Table.from_pylist(rows, TRIALS)
    everything = Tables(trials, pa.Table.from_pylist(accuracy, ACCURACY), STAGES.empty_table())
    write_tables(everything, folder)
    pq.write_table(trials.drop_columns(list(LATE)), folder / "trials.parquet")
    return folder


def expected_values(name: str) -> list[float]:
    """Return the values of seeds 0 to 4."""
    function = FUNCTIONS[name.removeprefix("val_")]
    if name in METRICS:  # not of a candidate, whose test figures must not be seen
        return [function(TEST, "task"), NAN, NAN, NAN, NAN]
    whole = function(VALIDATION, "task")
    return [whole, whole, NAN, function(VALIDATION[:3, :2], "task"), NAN]


@pytest.mark.parametrize("opened", [load, lambda folder: Warehouse.open(folder).results])
def test_every_metric_that_a_table_lacks_is_that_of_its_r(opened: Any, folder: Path) -> None:
    trials = opened(folder).trials.sort_values("seed")
    pd.testing.assert_frame_equal(
        trials[[*LATE]].reset_index(drop=True),
        pd.DataFrame({name: expected_values(name) for name in LATE}),
        check_exact=True,
    )


def test_forgetting_worked_by_hand(folder: Path) -> None:
    assert load(folder).trials["forgetting"][0] == pytest.approx((0.35 + 0.1) / 2)
    assert load(folder).trials["val_forgetting"][0] == pytest.approx((0.4 + 0.4) / 2)


def test_a_column_that_is_there_keeps_its_values(folder: Path, tmp_path: Path) -> None:
    for name in ("accuracy", "stages"):
        (tmp_path / f"{name}.parquet").write_bytes((folder / f"{name}.parquet").read_bytes())
    table = pq.read_table(folder / "trials.parquet")
    given = table.append_column("acc", pa.array([0.5, None, None, None, None], pa.float64()))
    pq.write_table(given, tmp_path / "trials.parquet")
    for trials in (load(tmp_path).trials, Warehouse.open(tmp_path).results.trials):
        assert trials["acc"][0] == 0.5
        assert trials["bwt"][0] == expected_values("bwt")[0]


def test_nothing_is_computed_where_no_column_is_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(tables.read_tables(folder), tmp_path)

    def refuse(*_: object) -> None:
        pytest.fail("computed")

    monkeypatch.setattr(tables, "add_late_metrics", refuse)
    monkeypatch.setattr(dashboards.data.warehouse, "read_late_metrics", refuse)
    actual = Warehouse.open(tmp_path).results.trials
    pd.testing.assert_frame_equal(actual[[*LATE]], load(tmp_path).trials[[*LATE]])


def test_without_accuracies_the_dashboard_says_what_is_missing(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "trials.parquet").write_bytes((folder / "trials.parquet").read_bytes())
    warehouse = Warehouse.open(tmp_path)
    assert all(name in warehouse.older[0] for name in LATE)
    assert warehouse.results.trials[[*LATE]].isna().all(axis=None)
