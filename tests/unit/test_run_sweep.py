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


@pytest.mark.slow
def test_what_a_spent_budget_leaves_is_not_told_as_stopped_by_the_scheduler(tmp_path: Path) -> None:
    budget = "the budget is spent (stages: 7)"
    parts = {
        "methods": "[finetune, {name: ewc, lam: {loguniform: [1, 1000]}}]",
        "search": "{algorithm: random, num_trials: 4, scheduler: {name: asha, grace_tasks: 1}}",
        "benchmark": "{name: split_digits, num_tasks: 5, samples_per_task: 32, scenario: task}",
    }
    lab.run(tmp_path, budget="{stages: 7}", **parts)
    stories = lab.trials(tmp_path)["story"]
    by_budget = stories == f"not finished: {budget}"
    assert by_budget.any()
    rest = {story.partition(" after")[0] for story in stories[~by_budget]}
    assert rest <= {"stopped by asha", ""}
    assert set(lab.trials(tmp_path, "evaluation")["story"]) == {f"not finished: {budget}"}
    lab.run(tmp_path, **parts)
    assert not lab.trials(tmp_path)["story"].str.contains("budget").any()
    assert set(lab.trials(tmp_path, "evaluation")["story"]) == {""}


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
    assert (cut.complete, cut.search.num_computed, cut.search.raised) == (False, 2, 1)
    assert cut.evaluation.executed == 0
    whole = lab.run(tmp_path)
    assert whole.complete
    assert set(lab.trials(tmp_path)["status"]) == {"complete"}
