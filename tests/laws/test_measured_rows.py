"""`evaluate`: a sweep that measures some rows of R has the keys and the values of one with all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lab import Lab, count_computed

from orchestrator.errors import SweepError
from orchestrator.results.load import load
from orchestrator.stages.reproduce import reproduce_chain
from orchestrator.sweep.measured_rows import Every, describe_rows, restrict_to_rows
from orchestrator.sweep.sweep import Sweep

TASKS = 4
BENCHMARK = "{name: rotated_digits, scenario: domain, num_tasks: 4, samples_per_task: 32}"


def ask(lab: Lab, rows: str, **parts: str) -> Lab:
    return lab.ask(benchmark=BENCHMARK, evaluate=rows, **parts)


def r_matrix(lab: Lab) -> np.ndarray:
    results = load(lab.out)
    (trial,) = results.trials["trial_id"].unique()
    return results.r_matrix(trial, 0)


@pytest.mark.parametrize(
    ("rows", "cells"),
    [
        ("all", [4, 4, 4, 4, 4]),
        ("last", [4, 2, 2, 2, 4]),
        (Every(every=2), [4, 2, 4, 2, 4]),
        (Every(every=3), [4, 2, 2, 4, 4]),
        (Every(every=9), [4, 2, 2, 2, 4]),
    ],
)
def test_rows_that_are_not_measured_have_two_cells(tmp_path: Path, rows, cells) -> None:
    (trial,) = Sweep.load(ask(Lab(tmp_path), "all").sweep).trials
    steps = trial.stages(0)
    restricted = restrict_to_rows(rows, steps)
    assert [len(step.task_keys) for step in restricted] == cells
    assert [step.key for step in restricted] == [step.key for step in steps]
    # The task just learned, and the next.
    assert {"all": steps[0].task_keys}.get(str(rows), steps[0].task_keys[:2]) == (
        restricted[1].task_keys
    )


def test_the_values_are_those_of_all_rows_and_all_rows_cost_no_training(tmp_path: Path) -> None:
    whole, sparse = ask(Lab(tmp_path / "a"), "all"), ask(Lab(tmp_path / "b"), "{every: 2}")
    whole.run()
    sparse.run()
    full, r = r_matrix(whole), r_matrix(sparse)
    empty = np.zeros_like(full, dtype=bool)
    empty[1, 2:] = empty[3, :2] = True
    assert np.isnan(r[empty]).all()
    np.testing.assert_array_equal(r[~empty], full[~empty])
    (row,), (other) = load(sparse.out).trials.to_dict("records"), load(whole.out).trials.iloc[0]
    for name in ("acc", "bwt", "fwt", "learning_accuracy", "val_acc"):
        assert row[name] == other[name]
    assert np.isnan([row["forgetting"], row["average_incremental_accuracy"]]).all()
    assert row["status"] == "complete"
    assert len(load(sparse.out).accuracy) == 2 * (4 + 2 + 4 + 2 + 4)
    with count_computed() as computed:
        ask(sparse, "all").run()
    assert computed == []
    np.testing.assert_array_equal(r_matrix(sparse), full)
    # The other way round: what the store has beyond the rows does not show in the tables.
    tables = ask(Lab(tmp_path / "b"), "{every: 2}")
    with count_computed() as computed:
        tables.run()
    assert computed == []
    np.testing.assert_array_equal(r_matrix(tables), r)


def test_stages_with_two_cells_are_reproduced(tmp_path: Path) -> None:
    lab = ask(Lab(tmp_path), "last")
    lab.run()
    ((_, steps),) = Sweep.load(lab.sweep).chains()
    verdicts = [each.verdict for each in reproduce_chain(steps, lab.store, tolerance=0.0)]
    assert verdicts == ["same"] * (TASKS + 1)


@pytest.mark.parametrize(
    "rows", ["sometimes", "{every: 0}", "{every: true}", "{every: 2, more: 1}", "3", "null"]
)
def test_other_rows_are_a_mistake_of_the_sweep(tmp_path: Path, rows: str) -> None:
    valid = r"evaluate: must be all, last or \{every: N\} with N at least 1, given"
    with pytest.raises(SweepError, match=valid):
        Sweep.load(ask(Lab(tmp_path), rows).sweep)


def test_the_sweep_says_what_stays_empty(tmp_path: Path) -> None:
    (remark,) = Sweep.load(ask(Lab(tmp_path), "{every: 2}").sweep).remarks
    assert "every 2 tasks and the last" in remark
    assert "AIA and forgetting" in remark
    assert describe_rows("all") == describe_rows(Every(every=1)) == ()
