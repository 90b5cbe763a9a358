"""Steps that follow from the state of a method, as tables, plans and searches have them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_means import finish, load_means, solve
from test_trial_list import hyperparameters

from orchestrator.cli.run_sweep import plan_sweep
from orchestrator.columns import compute_flops
from orchestrator.errors import RepertoireError
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.load import load
from orchestrator.stages.reproduce import reproduce_chain
from orchestrator.sweep.means.dials import ITERATIONS
from orchestrator.terminal.trial_list import trials_tables

pytestmark = pytest.mark.slow

MEANS = "{compute: 40}"


def test_tables_name_the_steps_that_each_task_took(tmp_path: Path) -> None:
    trials = finish(tmp_path, "[gpm]", MEANS, seeds="[0, 1]").set_index("seed")
    stages = load(tmp_path / "results" / "lab").stages.query("after > 0")
    assert trials["trial_id"].nunique() == 1
    for seed, tasks in stages.groupby("seed"):
        numbers = [json.loads(text) for text in tasks.sort_values("after")["hyperparameters"]]
        assert all({*each} == {ITERATIONS} for each in numbers)
        steps = [each[ITERATIONS] for each in numbers]
        assert json.loads(trials.loc[seed, "means_dial"]) == {ITERATIONS: steps}
        assert (tasks.sort_values("after")["samples"] == [4 * n for n in steps]).all()
    assert (compute_flops(stages) <= stages["means_flops"]).all()
    assert (compute_flops(stages) > 0.95 * stages["means_flops"]).all()


def test_a_second_run_finds_every_stage_and_a_reproduction_has_its_bits(tmp_path: Path) -> None:
    finish(tmp_path, "[gpm]", MEANS)
    sweep, _, _ = solve(tmp_path, "[gpm]", MEANS)
    store = open_store(tmp_path / "results", None)
    planned, rows = plan_sweep(
        load_means(tmp_path, "[gpm]", MEANS), store, results_folder(sweep, tmp_path / "results")
    )
    assert not planned.stages_to_run
    assert rows[-1][0] == "note"
    (trial,) = sweep.trials
    anew = list(reproduce_chain(trial.stages(0), store, 0.0))
    assert [each.verdict for each in anew] == ["same"] * 3
    assert all(each.anew.costs.num_batches == each.stored.costs.num_batches for each in anew)


def test_candidates_have_steps_of_their_own_within_one_budget(tmp_path: Path) -> None:
    trials = finish(
        tmp_path,
        "[{name: gpm, threshold: {choice: [0.5, 0.999]}}]",
        MEANS,
        search="{algorithm: grid}",
    )
    dials = trials.set_index("config.method.threshold")["means_dial"].map(json.loads)
    few, many = (dials.loc[[share]].iloc[0][ITERATIONS] for share in (0.999, 0.5))
    assert few[0] == many[0]
    assert few[1] < many[1], "wider bases, dearer steps"
    assert (compute_flops(trials) <= trials["means_flops"]).all()
    assert trials["trial_id"].nunique() == 2


def test_what_costs_more_beside_growth_is_not_searched(tmp_path: Path) -> None:
    text = "gpm searches method.num_samples under equal means"
    with pytest.raises(RepertoireError, match=re.escape(text)) as raised:
        solve(
            tmp_path,
            "[{name: gpm, num_samples: {choice: [20, 21]}}]",
            MEANS,
            search="{algorithm: grid}",
        )
    costs = re.findall(r"the last: ([\d,]+) FLOP for a step", str(raised.value))
    assert len({*costs}) == 2


def test_a_list_of_trials_says_that_steps_are_of_each_task(tmp_path: Path) -> None:
    sweep, _, _ = solve(tmp_path, "[gpm]", MEANS)
    out = tmp_path / "results"
    planned, _ = plan_sweep(
        load_means(tmp_path, "[gpm]", MEANS), open_store(out, None), results_folder(sweep, out)
    )
    assert hyperparameters(trials_tables(planned)) == ["iterations=per task"]
