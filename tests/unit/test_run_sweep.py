"""Carrying out a sweep whose trials and winners meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import search_lab as lab

from orchestrator.errors import StoreFull
from orchestrator.results.load import load
from orchestrator.stages.record import Record
from orchestrator.stages.storage.store import StageStore


def test_what_is_listed_and_wins_as_well_is_evaluated_and_counted_once(tmp_path: Path) -> None:
    outcome = lab.run(
        tmp_path,
        seeds="[0, 1]",
        search="{algorithm: random, num_trials: 1}",
        methods="[finetune, {name: ewc, lam: 10}, {name: ewc, lam: {choice: [10]}}]",
    )
    evaluated = lab.trials(tmp_path, "evaluation")
    assert [(row["method"], row["seed"], row["selected"]) for _, row in evaluated.iterrows()] == [
        ("finetune", 0, False),
        ("finetune", 1, False),
        ("ewc", 0, True),
        ("ewc", 1, True),
    ]
    assert (outcome.evaluation.trials, outcome.evaluation.asked_for) == (2, 2 * 2 * 3)
    tables = load(tmp_path / "results" / "lab")
    chain = ["trial_id", "seed"]
    for table, cell in (
        (tables.trials, chain),
        (tables.stages, [*chain, "after"]),
        (tables.accuracy, [*chain, "after", "task", "split"]),
    ):
        assert not table.duplicated(cell).any()


def test_a_search_that_goes_on_is_told_as_one_and_ends_complete(tmp_path: Path) -> None:
    cut, whole = lab.run(tmp_path, budget="{stages: 4}"), lab.run(tmp_path)
    assert (cut.complete, whole.complete) == (False, True)
    assert cut.search is not None
    assert whole.search is not None
    assert cut.search.executed + whole.search.executed == 2 + 3  # stage 0, task 1, three of task 2
    assert not whole.missing_winners
    assert lab.trials(tmp_path, "evaluation")["acc"].notna().all()


def test_a_full_disk_ends_the_run_before_further_stages_are_computed_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = StageStore.put
    attempts: list[int] = []

    def put(store: StageStore, state: Any, record: Record) -> None:
        attempts.append(record.after)
        if len(attempts) > 2:
            raise StoreFull("store: no space is left on its disk")
        stored(store, state, record)

    with monkeypatch.context() as patched:
        patched.setattr(StageStore, "put", put)
        cut = lab.run(tmp_path)
    assert cut.search is not None
    assert len(attempts) == 3
    assert (cut.complete, cut.search.computed, cut.search.raised) == (False, 2, 1)
    assert cut.evaluation.executed == 0
    whole = lab.run(tmp_path)
    assert whole.complete
    assert set(lab.trials(tmp_path)["status"]) == {"complete"}
