"""What a search leaves: winners with their values, reasons where there is none, failures."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import search_lab as lab
from rich.console import Console
from search_lab import journal, points, trials

from dashboards.data.warehouse import Warehouse
from orchestrator.cli.run_sweep import NOTHING_LEFT, plan_sweep
from orchestrator.errors import RepertoireError
from orchestrator.results.comparison import comparison
from orchestrator.results.folder.places import open_store
from orchestrator.results.load import load
from orchestrator.results.lookup import find_configuration
from orchestrator.results.names.hyperparameter_text import value_text
from orchestrator.results.names.naming import labels
from orchestrator.results.searches import searches
from orchestrator.results.winners import winner_hyperparameters
from orchestrator.search.create import search_identity
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.comparison.rendering import render
from orchestrator.terminal.search_page import candidates_text, search_tables
from orchestrator.terminal.trial_list import trials_tables

pytestmark = pytest.mark.slow

THREE_TASKS = "{name: split_digits, num_tasks: 5, samples_per_task: 16, scenario: task}"
ASHA = "{algorithm: random, num_trials: 4, scheduler: asha}"
PER_TASK = {
    "search": "{algorithm: {name: per_task, margin: 0.5}}",
    "methods": "[{name: ewc, lam: {grid: [10, 1000, 0.1]}}]",
}


def outcome(folder: Path) -> dict[str, Any]:
    """Return what is in search.json."""
    content: dict[str, Any] = json.loads((folder / "results/lab/search.json").read_text())
    return content


def broken_method(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, condition: str) -> str:
    """Write a method that raises where a condition on `self.config` and `task` holds."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (folder / f"{name}.py").write_text(
        "from methods.ewc import EWC\n\n\nclass Broken(EWC):\n"
        "    def begin_task(self, task):\n"
        f"        if {condition}:\n"
        "            raise OSError('disk is full')\n"
        "        super().begin_task(task)\n"
    )
    return f"'{name}:Broken'"


# --- winners -------------------------------------------------------------------------------------


def test_the_outcome_names_the_winner_s_hyperparameters_and_value(tmp_path: Path) -> None:
    lab.run(tmp_path)
    (group,) = outcome(tmp_path)["groups"].values()
    (winner,) = group["winners"]
    assert [winner["trial_id"]] == group["winner"]
    assert winner["hyperparameters"] == points(tmp_path)[winner["candidate"]]
    searched = trials(tmp_path).set_index("candidate")
    assert winner["objective"] == {"acc": searched["objective"].max()}
    evaluated = trials(tmp_path, "evaluation")
    assert set(evaluated["trial_id"]) == {winner["trial_id"]}
    assert evaluated["config.method.lam"].iloc[0] == winner["hyperparameters"]["method.lam"]
    planned = plan_sweep(
        Sweep.load(tmp_path / "lab.yaml"),
        open_store(tmp_path / "results", None),
        tmp_path / "results" / "lab",
    )[0]
    # `lam` does not vary among the winners, so that it is no part of the trial's name.
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(trials_tables(planned))
    drawn = value_text(winner["hyperparameters"]["method.lam"])
    assert f"0 lam={drawn}" in " ".join(console.export_text().split())


def test_how_candidates_ended_is_in_the_outcome_the_table_and_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = "task.index == 2 and self.config.lam < 100"
    broken = broken_method(tmp_path, monkeypatch, "broken_some", small)
    grid = f"[{{name: {broken}, lam: {{grid: [1, 10, 100]}}}}]"
    lab.run(tmp_path, methods=grid, search="{algorithm: grid}")
    (group,) = outcome(tmp_path)["groups"].values()
    assert group["candidates"]["statuses"] == {"failed": 2, "complete": 1}
    assert [each["candidate"] for each in group["candidates"]["ended_early"]] == [0, 1]
    (searched,) = searches(load(tmp_path / "results/lab"))
    assert (searched.num_candidates, dict(searched.statuses)) == (3, {"complete": 1, "failed": 2})
    (reason,) = searched.reasons
    assert reason.startswith("2 failed after 1 task: OSError: disk is full (broken_some.py:7, in")
    ((settings, value),) = searched.winners
    assert settings == "lam=100"
    assert value == group["winners"][0]["objective"]["acc"]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(search_tables([searched]))
    printed = console.export_text()
    assert f"broken_some:Broken lam=100 {value:.4g} 3 1 2" in " ".join(printed.split())
    assert "search of lab" in printed
    sweep = Sweep.load(tmp_path / "lab.yaml")
    # What failed is tried again, so something is left.
    assert "search" not in dict(lab.forecast_rows(sweep, tmp_path))
    assert candidates_text(searched) == "3 candidates were tried: 1 complete, 2 failed"


def test_the_plan_of_a_finished_selection_at_each_task_has_its_winners_and_nothing_left(
    tmp_path: Path,
) -> None:
    lab.run(tmp_path, seeds="[0, 1]", **PER_TASK)
    sweep = Sweep.load(tmp_path / "lab.yaml")
    rows = dict(lab.forecast_rows(sweep, tmp_path))
    assert (rows["search"], rows["search: winners"]) == ("complete", "1")
    assert rows["note"] == NOTHING_LEFT
    by_seed = next(iter(outcome(tmp_path)["groups"].values()))["candidates_of_seeds"]
    tried = {seed: len(trials(tmp_path).query(f"seed == {seed}")) for seed in (0, 1)}
    assert {int(seed): each["number"] for seed, each in by_seed.items()} == tried


def test_the_outcome_of_selection_at_each_task_names_each_choice(tmp_path: Path) -> None:
    lab.run(tmp_path, seeds="[0, 1]", **PER_TASK)
    (group,) = outcome(tmp_path)["groups"].values()
    assert [winner["seed"] for winner in group["winners"]] == [0, 1]
    assert {winner["trial_id"] for winner in group["winners"]} == set(group["winner"])
    assert all(len(winner["hyperparameters"]) == 2 for winner in group["winners"])
    assert {w["method.lam"] for each in group["winners"] for w in each["hyperparameters"]} <= {
        10,
        1000,
        0.1,
    }


def test_what_was_chosen_at_each_task_is_shown_and_the_winner_goes_by_its_label(
    tmp_path: Path,
) -> None:
    lab.run(tmp_path, seeds="[0, 1]", **PER_TASK)
    results = load(tmp_path / "results/lab")
    table = comparison(results)
    (label,), (winner,) = table["label"], table["trial_id"]
    (group,) = outcome(tmp_path)["groups"].values()
    lams = [[point["method.lam"] for point in w["hyperparameters"]] for w in group["winners"]]
    of_seeds = [f"lam={', '.join(f'{lam:g}' for lam in dict.fromkeys(each))}" for each in lams]
    same = of_seeds[0] == of_seeds[1]
    expected = of_seeds[0] if same else f"seed 0: {of_seeds[0]}; seed 1: {of_seeds[1]}"
    assert table.attrs["chosen"] == {label: expected}
    assert f"chosen by the search: {label}: {expected}" in " ".join(render(table).split())
    pages = Warehouse.open(tmp_path / "results")
    assert pages.comparison.attrs["chosen"] == {label: expected}, "in the report too"
    # The steps of the search are not meant by the name of what was evaluated.
    assert [find_configuration(results, name)["trial_id"] for name in ("ewc", label)] == [
        winner,
        winner,
    ]


# --- selection at each task ----------------------------------------------------------------------


@pytest.mark.parametrize("listed", ["[10, 1000, 0.1]", "[0.1, 10, 1000]", "[1000, 10, 0.1]"])
def test_strengths_are_tried_from_the_largest_on_however_they_are_listed(
    tmp_path: Path, listed: str
) -> None:
    lab.run(tmp_path, **{**PER_TASK, "methods": f"[{{name: ewc, lam: {{grid: {listed}}}}}]"})
    tried = trials(tmp_path)
    configs = [json.loads(text) for text in tried.sort_values("candidate")["config"]]
    for task in (1, 2):
        lams = [
            c["method"]["lam"] if "lam" in c["method"] else c["schedule"][-1]["method.lam"]
            for c in configs
            if c["selection"]["task"] == task and c["selection"]["step"] == "stability"
        ]
        assert lams == [1000, 10, 0.1][: len(lams)]
        assert lams


def test_a_candidate_that_raised_is_failed_with_its_error_where_choices_are_made_at_each_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = broken_method(tmp_path, monkeypatch, "broken_per_task", "self.config.lam == 1000")
    lab.run(tmp_path, **{**PER_TASK, "methods": f"[{{name: {name}, lam: {{grid: [1000, 10]}}}}]"})
    tried = trials(tmp_path)
    failed = tried[tried["status"] == "failed"]
    assert list(failed["tasks_done"]) == [1]  # on the first task the strength is inert
    assert failed["story"].str.contains("disk is full").all()
    assert not tried[tried["status"] == "stopped"]["story"].str.contains("no accuracy").any()
    assert set(trials(tmp_path, "evaluation")["status"]) == {"complete"}


@pytest.mark.parametrize("solved", [{}, {"training.iterations": 7}])
def test_what_was_adopted_is_shown_without_the_steps_of_equal_means(solved: dict[str, int]) -> None:
    points = [{"training.lr": lr, **solved} for lr in (0.1, 0.2)]
    row = {"phase": "evaluation", "selected": True, "group": "derpp", "method": "derpp"}
    row |= {"benchmark": "b", "scenario": "class", "num_tasks": 2, "trial_id": "t", "sweep": "lab"}
    # Where seeds have steps of their own these are in the dial alone.
    row |= {"config.schedule": json.dumps(points), "means_dial": '{"training.iterations": [7, 7]}'}
    texts = winner_hyperparameters(pd.DataFrame([row]), pd.DataFrame())
    assert [*texts.values()] == ["lr=0.1, 0.2"]


def test_nothing_is_chosen_where_all_candidates_of_a_task_failed_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = broken_method(tmp_path, monkeypatch, "broken_at_two", "task.index == 2")
    methods = f"[{{name: {name}, lam: {{grid: [10]}}}}]"
    (line,) = lab.run(tmp_path, **{**PER_TASK, "methods": methods}).missing_winners
    assert line.endswith("on seed 0 at task 2: 1 failed")


# --- candidates without a value ------------------------------------------------------------------


def test_an_objective_that_no_figures_define_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    search = "{algorithm: random, num_trials: 3, metric: 'acc/(acc-acc)'}"
    with pytest.raises(RepertoireError, match="'acc/\\(acc-acc\\)' is undefined for all figures"):
        lab.run(tmp_path, search=search)
    assert not (tmp_path / "results").exists()


def test_a_search_whose_first_candidates_have_no_value_is_given_up_and_says_why(
    tmp_path: Path,
) -> None:
    # EWC has no buffer, so its size has no logarithm.
    search = "{algorithm: random, num_trials: 9, metric: acc - log10(storage_buffer_bytes)}"
    result = lab.run(tmp_path, search=search)
    (line,) = result.missing_winners
    assert line.startswith("no candidate of ewc was chosen: 3 learned all tasks, but 'acc - log10")
    assert "math domain error" in line
    assert "storage_buffer_bytes = 0" in line
    statuses = [
        entry.get("ended", "stopped")
        for entry in journal(tmp_path)
        if "number" in entry and "point" not in entry
    ]
    assert statuses.count("complete") == 3
    assert statuses.count("stopped") == 6
    tried = trials(tmp_path)
    assert tried[tried["status"] == "stopped"]["story"].str.contains("for the first 3").all()
    again = lab.run(tmp_path, search=search)
    assert again.missing_winners == result.missing_winners
    assert again.search is not None
    assert again.search.executed == 0


def test_validation_data_without_an_example_is_refused_with_the_numbers(tmp_path: Path) -> None:
    benchmark = "{name: split_digits, num_tasks: 2, samples_per_task: 64, validation: 0.0001}"
    with pytest.raises(RepertoireError) as caught:
        lab.run(tmp_path, benchmark=benchmark)
    message = str(caught.value)
    assert message.startswith("benchmark.validation: 0.0001 holds out none of the ")
    share = float(message.rpartition(" ")[2])
    lab.run(tmp_path, benchmark=benchmark.replace("0.0001", str(share)), search=ASHA)


@pytest.mark.parametrize(
    ("search", "method"),
    [
        ("{algorithm: random}", "{name: ewc, lam: {loguniform: [1, 10]}}"),
        ("{algorithm: per_task}", "{name: ewc, lam: {grid: [1, 10]}}"),
    ],
)
def test_run_refuses_validation_data_without_an_example_before_it_makes_a_folder(
    answer: Callable[..., tuple[int, str]], tmp_path: Path, search: str, method: str
) -> None:
    benchmark = "{name: split_digits, num_tasks: 2, samples_per_task: 64, validation: 0.0001}"
    lab.write(tmp_path, benchmark=benchmark, search=search, methods=f"[{method}]")
    code, err = answer("run", "--backend", "inline", "lab.yaml", "--out", "results")
    assert code == 2
    assert err.startswith("repertoire: benchmark.validation: 0.0001 holds out none of the ")
    assert not (tmp_path / "results").exists()


# --- the default of an earlier release -----------------------------------------------------------


def test_schedulers_that_stop_early_wait_for_two_tasks(tmp_path: Path) -> None:
    for name in ("asha", "median"):
        path = lab.write(tmp_path, search=f"{{algorithm: random, scheduler: {name}}}")
        search = Sweep.load(path).search
        assert search is not None
        assert search.scheduler.grace_tasks == 2


def begin_search(folder: Path, scheduler: str, benchmark: str) -> list[dict[str, Any]]:
    lab.run(folder, search=ASHA.replace("asha", scheduler), benchmark=benchmark)
    return journal(folder)


def test_a_search_begun_with_the_former_default_goes_on_and_says_so(tmp_path: Path) -> None:
    before = begin_search(tmp_path, "{name: asha, grace_tasks: 1}", THREE_TASKS)
    lab.run(tmp_path, search=ASHA, benchmark=THREE_TASKS)
    assert journal(tmp_path) == before
    sweep = Sweep.load(tmp_path / "lab.yaml")
    note = notes(sweep, tmp_path)
    assert note == f"{outcome(tmp_path)['notes'][0]} {NOTHING_LEFT}"
    assert "was started with grace_tasks: 1" in note
    assert "write {name: asha, grace_tasks: 2} to begin it anew" in note


def test_a_search_that_states_another_grace_is_another_search(tmp_path: Path) -> None:
    before = begin_search(tmp_path, "{name: asha, grace_tasks: 1}", THREE_TASKS)
    lab.run(
        tmp_path, search=ASHA.replace("asha", "{name: asha, grace_tasks: 2}"), benchmark=THREE_TASKS
    )
    assert len([entry for entry in journal(tmp_path) if "identity" in entry]) == 2
    assert journal(tmp_path)[: len(before)] == before


def test_the_default_and_the_same_number_stated_are_one_search(tmp_path: Path) -> None:
    identities = []
    for scheduler in ("asha", "{name: asha, grace_tasks: 2}"):
        sweep = Sweep.load(lab.write(tmp_path, search=ASHA.replace("asha", scheduler)))
        assert sweep.search is not None
        identities.append(search_identity(sweep.groups[0], sweep.search))
    assert identities[0] == identities[1]


@pytest.mark.parametrize(("grace", "warned"), [(1, True), (2, False)])
def test_a_plan_warns_of_decisions_after_one_task(tmp_path: Path, grace: int, warned: bool) -> None:
    search = ASHA.replace("asha", f"{{name: asha, grace_tasks: {grace}}}")
    sweep = Sweep.load(lab.write(tmp_path, search=search))
    assert ("nothing can have been forgotten" in notes(sweep, tmp_path)) == warned


def notes(sweep: Sweep, folder: Path) -> str:
    """Return the notes of a plan."""
    return " ".join(text for name, text in lab.forecast_rows(sweep, folder) if name == "note")


# --- cost ----------------------------------------------------------------------------------------


def test_a_refresh_makes_rows_of_changed_candidates_alone(tmp_path: Path) -> None:
    sweep = Sweep.load(lab.write(tmp_path, search="{algorithm: random, num_trials: 5}"))
    study = lab.study(sweep, tmp_path)
    study.begin()
    before = [chain for chain, _ in study.chains(finished=False)]
    changed = study.searches[0].candidates[3]
    changed.status, changed.story = "stopped", "stopped by hand"
    after = [chain for chain, _ in study.chains(finished=False)]
    assert len(before) == len(after) == 5
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, True, True, False, True]
    assert after[3].decision == "stopped by hand"


def test_a_value_of_thousands_of_characters_does_not_make_a_name_of_as_many(tmp_path: Path) -> None:
    widths = [[8] * n for n in (2000, 2001)]
    network = f"{{name: mlp, hidden: {{grid: {widths}}}}}"
    names = [g.name for g in Sweep.load(lab.write(tmp_path, network=network)).groups]
    assert len(set(names)) == 2
    assert all(name.startswith("ewc hidden=[8,8,") and len(name) < 90 for name in names)
    row = {"sweep": "s", "method": "ewc", "benchmark": "b", "scenario": "task", "num_tasks": 2}
    rows = pd.DataFrame(
        [{**row, "trial_id": f"ewc-{i}", "config.note": "x" * 9000 + str(i)} for i in range(2)]
    )
    shown = labels(rows, "method", ["config.note"])
    assert len(set(shown)) == 2
    assert all(len(label) < 90 for label in shown)
