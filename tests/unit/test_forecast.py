"""What `plan` says of a search before it runs, counted by hand; it touches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import search_lab as lab

from orchestrator.cli.run_sweep import NOTHING_LEFT, plan_sweep
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.price import count_prices
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

DIGITS = "{{name: split_digits, num_tasks: {}, samples_per_task: 32, scenario: task}}"
PERMUTED = "{{name: permuted_digits, num_tasks: {}, samples_per_task: 32, scenario: domain}}"
LR = "{batch_size: 16, lr: {loguniform: [1.0e-3, 0.1]}}"


def figures(folder: Path, **parts: str) -> dict[str, str]:
    sweep = Sweep.load(lab.write(folder, **parts))
    out = folder / "results"
    store = open_store(out, None, read_only=True)
    return dict(plan_sweep(sweep, store, results_folder(sweep, out))[1])


@pytest.mark.parametrize(("num_tasks", "times"), [(10, "5.5"), (5, "3"), (2, "1.5"), (1, "1")])
def test_selection_at_each_task_would_cost_half_of_one_more_than_its_tasks_without_the_graph(
    tmp_path: Path, num_tasks: int, times: str
) -> None:
    values = figures(
        tmp_path,
        benchmark=PERMUTED.format(num_tasks),
        search="{algorithm: per_task}",
        training="{batch_size: 16, lr: {grid: [0.1, 0.01, 0.001]}}",
        methods="[{name: ewc, lam: {grid: [100, 1]}}]",
        seeds="[0, 1]",
    )
    # Three rates and two strengths on two seeds; without the graph, all tasks before once more.
    with_graph = 2 * 5 * num_tasks
    without = 2 * 5 * sum(range(1, num_tasks + 1))
    assert float(times) == (num_tasks + 1) / 2
    assert values == {
        "search: groups x seeds": "2",
        "search: candidates a task, at most": "5",
        "search: stages, at most": f"{with_graph}, and stage 0",
        "search: without the graph": f"{without} ({times} times)",
    }


def test_a_method_without_a_strength_is_selected_by_its_rates_alone(tmp_path: Path) -> None:
    values = figures(
        tmp_path,
        benchmark=DIGITS.format(5),
        search="{algorithm: per_task}",
        training="{batch_size: 16, lr: {grid: [0.1, 0.01, 0.001]}}",
        methods="[finetune]",
    )
    assert values["search: candidates a task, at most"] == "3"
    assert values["search: stages, at most"] == "15, and stage 0"
    assert values["search: without the graph"] == "45 (3 times)"


@pytest.mark.parametrize(
    ("parts", "candidates", "asked_for", "distinct", "evaluation"),
    [
        # A strength is inert on the first task: one stage 0, one first task, four chains of four.
        ({"search": "{algorithm: random, num_trials: 4}"}, 4, 4 * 6, 2 + 4 * 4, 6),
        # A rate is not.
        ({"search": "{algorithm: random, num_trials: 4}", "training": LR}, 4, 24, 1 + 4 * 5, 6),
        (
            {"search": "{algorithm: random, num_trials: 4, seeds: [5, 6, 7]}", "seeds": "[0, 1]"},
            4,
            3 * 24,
            3 * 18,
            12,
        ),
        (
            {"search": "{algorithm: random, num_trials: 4, on_tasks: 2}", "seeds": "[0, 1]"},
            4,
            2 * 4 * 3,
            2 * (2 + 4),
            12,
        ),
        # Of ten, four are drawn before any has ended; what is not known counts in full.
        ({"search": "{algorithm: optuna, num_trials: 10}"}, 10, 60, 18 + 6 * 6, 6),
        (
            {
                "search": "{algorithm: grid}",
                "methods": "[{name: ewc, lam: {grid: [1, 2, 3]}, mode: {grid: [offline, online]}}]",
            },
            6,
            36,
            2 + 6 * 4,
            6,
        ),
        # Two points are all there are.
        ({"methods": "[{name: ewc, lam: {choice: [1, 2]}}]"}, 2, 12, 2 + 2 * 4, 6),
        (
            {
                "search": "{algorithm: random, num_trials: 2}",
                "methods": "[{name: ewc, lam: {uniform: [1, 2]}},"
                " {name: si, c: {uniform: [1, 2]}}]",
            },
            4,
            24,
            1 + 2 * (1 + 2 * 4),
            12,
        ),
    ],
)
def test_a_search_asks_for_what_was_counted_by_hand(
    tmp_path: Path,
    parts: dict[str, str],
    candidates: int,
    asked_for: int,
    distinct: int,
    evaluation: int,
) -> None:
    values = figures(tmp_path, **{"benchmark": DIGITS.format(5), **parts})
    assert values == {
        "search: groups": "2" if "si" in parts.get("methods", "") else "1",
        "search: candidates": str(candidates),
        "search: stages asked for, at most": str(asked_for),
        "search: distinct stages, at most": str(distinct),
        "search: distinct stages in the store": "0",
        "search: stages left, at most": str(distinct),
        "evaluation of winners: stages": f"{evaluation}, one winner a group",
    }


def test_a_search_without_early_stopping_does_what_the_forecast_says(tmp_path: Path) -> None:
    parts = {"search": "{algorithm: random, num_trials: 4}", "benchmark": DIGITS.format(5)}
    before = figures(tmp_path, **parts)
    outcome = lab.run(tmp_path, **parts)
    assert outcome.search is not None
    assert str(outcome.search.asked_for) == before["search: stages asked for, at most"]
    assert str(outcome.search.executed) == before["search: distinct stages, at most"]
    assert figures(tmp_path, **parts) == {
        "search": "complete",
        "search: candidates": before["search: candidates"],
        "search: stages asked for": before["search: stages asked for, at most"],
        "search: winners": "1",
        "note": NOTHING_LEFT,
    }


@pytest.mark.parametrize("algorithm", ["random", "{name: optuna, startup: 2}"])
def test_a_plan_touches_nothing(tmp_path: Path, algorithm: str) -> None:
    parts = {"search": f"{{algorithm: {algorithm}, num_trials: 3, scheduler: asha}}"}
    figures(tmp_path, **parts)
    assert [path.name for path in tmp_path.iterdir()] == ["lab.yaml"]
    parts["budget"] = "{stages: 3}"
    lab.run(tmp_path, **parts)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    figures(tmp_path, **parts)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_search_whose_cells_are_not_priced_is_not_complete(tmp_path: Path) -> None:
    """Cells of finetune, which is not searched, are not of the search; those of ewc are 2."""
    ewc, er = "{name: ewc, lam: {grid: [1, 10]}}", "{name: er, memory_size: {grid: [4, 8]}}"
    shared = {"means": "{compute: {grid: [2, 4]}}", "search": "{algorithm: grid}"}
    values = figures(tmp_path, methods=f"[finetune, {ewc}]", **shared)
    assert values == {"search": "nothing is priced yet: 2 cells to solve for"}
    first = Sweep.load(tmp_path / "lab.yaml")
    tables = Tabulator(
        (), open_store(tmp_path / "results", None), results_folder(first, tmp_path / "results")
    )
    brake = Brake(first.budget, first.resources)
    count_prices(first, tables, lab.INLINE, brake, lambda progress: None)
    values = figures(tmp_path, methods=f"[finetune, {ewc}, {er}]", **shared)
    assert values["search"] == "2 cells more once they are priced"
    assert (values["search: groups"], values["search: candidates"]) == ("2", "4")
    priced = figures(tmp_path, methods=f"[finetune, {ewc}]", **shared)
    assert "search" not in priced, "not complete, and nothing is missing"
