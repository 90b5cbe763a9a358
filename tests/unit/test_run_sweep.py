"""Carrying out a sweep whose trials and winners meet."""

from __future__ import annotations

from pathlib import Path

import search_lab as lab

from orchestrator.results.results import load


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
