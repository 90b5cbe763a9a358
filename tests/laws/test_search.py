"""Laws of a search: what it reads, what it remembers, and what its outcome depends on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from _pytest.mark.structures import ParameterSet
from lab import Lab, count_computed

from orchestrator.backends.inline import Inline
from orchestrator.cli import run_sweep as execution
from orchestrator.cli.run_sweep import SweepOutcome, run_sweep
from orchestrator.columns import METRICS
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import drive
from orchestrator.graph.events import Event
from orchestrator.results.folder.places import results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.search import journal as journals
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.record import Record
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.options import RunBudget
from orchestrator.sweep.sweep import Sweep

BENCHMARK = "{name: split_digits, num_tasks: %s, samples_per_task: 40, scenario: task}"
TRAINING = "{batch_size: 8, lr: {loguniform: [1.0e-3, 1.0e-1]}}"
# A method that consolidates at no cost: a search does not care what its candidates are.
PENALTY = "[{name: l2, lam: {loguniform: [0.1, 1000]}}]"
NOT_FIGURES = ("seconds", "joules", "peak_memory", "mlflow_run_id", "pid")


def variants(*searches: str) -> list[ParameterSet]:
    """Return searches that `make test-storm` goes through as well."""
    return [pytest.param(search, marks=pytest.mark.variant) for search in searches]


def ask(lab: Lab, search: str, **parts: str) -> Lab:
    """Write a sweep with a search, on five tasks if it decides after a task, else on two."""
    decides = any(word in search for word in ("scheduler", "on_tasks", "per_task"))
    whole = {
        "methods": PENALTY,
        "benchmark": BENCHMARK % (5 if decides else 2),
        "training": TRAINING,
    }
    return lab.ask(**whole | {"search": search} | parts)


INLINE = Inline()


def go(lab: Lab, backend: Any = INLINE, budget: RunBudget | None = None) -> SweepOutcome:
    sweep = Sweep.load(lab.sweep)
    tables = Tabulator((), lab.store, results_folder(sweep, lab.out))
    return run_sweep(sweep, tables, backend, Brake(budget or sweep.budget, sweep.resources))


def figures(lab: Lab) -> dict[str, pd.DataFrame]:
    """The tables without what a clock or a memory meter says."""
    tables = vars(load(lab.out / "lab"))
    return {
        name: table.drop(columns=[c for c in table if any(part in c for part in NOT_FIGURES)])
        for name, table in tables.items()
        if isinstance(table, pd.DataFrame)
    }


def same(a: Lab, b: Lab) -> bool:
    tables, others = figures(a), figures(b)
    return all(tables[name].equals(others[name]) for name in tables)


def entries(lab: Lab) -> list[dict[str, Any]]:
    lines = (lab.out / "lab" / "search.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def trials(lab: Lab, phase: str = "search") -> pd.DataFrame:
    table = load(lab.out / "lab").trials
    return table[table["phase"] == phase]


# --- what is chosen ------------------------------------------------------------------------------


def test_the_winner_is_the_best_on_validation_data_and_is_evaluated_on_the_seeds(lab: Lab) -> None:
    ask(lab, "{algorithm: random, num_trials: 5, seeds: [7, 8]}", seeds="[0, 1]")
    go(lab)
    candidates, accuracy = trials(lab), load(lab.out / "lab").accuracy
    cells = accuracy[(accuracy["split"] == "validation") & (accuracy["after"] == 2)]
    per_seed = cells.groupby(["trial_id", "seed"])["accuracy"].mean()
    mean = {
        name: np.mean([per_seed[name, seed] for seed in (7, 8)]) for name in candidates["trial_id"]
    }
    (winner,) = set(candidates[candidates["selected"]]["trial_id"])
    assert mean[winner] == max(mean.values())
    objective = candidates.groupby("trial_id")["objective"].first()
    assert all(objective[name] == pytest.approx(value, abs=1e-12) for name, value in mean.items())
    evaluated = trials(lab, "evaluation")
    assert list(zip(evaluated["trial_id"], evaluated["seed"], strict=True)) == [
        (winner, 0),
        (winner, 1),
    ]
    assert evaluated["acc"].notna().all()
    assert evaluated["selected"].all()


def test_no_test_figure_of_a_candidate_is_tabulated(lab: Lab) -> None:
    go(ask(lab, "{algorithm: random, num_trials: 3}"))
    candidates, accuracy = trials(lab), load(lab.out / "lab").accuracy
    tested = [*METRICS]
    assert candidates[tested].isna().all(axis=None)
    assert candidates["val_acc"].notna().all()
    cells = accuracy[accuracy["seed"].isin(candidates["seed"])]
    assert set(cells["split"]) == {"validation"}


class Sealed(dict[str, Any]):
    """Scores of a record of which those on test data must not be looked at yet."""

    def __init__(self, scores: Any, fixed: list[bool]) -> None:
        super().__init__(scores)
        self._fixed = fixed

    def __getitem__(self, split: str) -> Any:
        assert split != "test" or self._fixed, "a test figure was read before the winner was fixed"
        return super().__getitem__(split)

    def get(self, split: str, default: Any = None) -> Any:
        return self[split]

    def values(self) -> Any:
        raise AssertionError("all figures were read before the winner was fixed")

    items = values


@pytest.mark.parametrize(
    "search",
    [
        "{algorithm: random, num_trials: 3, metric: acc - 0.1 * log10(storage_bytes)}",
        "{algorithm: random, num_trials: 3, metric: [acc, bwt]}",
        "{algorithm: random, num_trials: 4, scheduler: asha}",
        "{algorithm: random, num_trials: 3, on_tasks: 2}",
    ],
)
def test_no_test_figure_is_read_before_the_winner_is_fixed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    fixed: list[bool] = []
    record, evaluated = StageStore.record, execution.winner_chains

    def sealed(store: StageStore, key: str, *more: Any, **options: Any) -> Record | None:
        result = record(store, key, *more, **options)
        if result is None or fixed:
            return result
        sealed = {task: Sealed(scores, fixed) for task, scores in result.evaluation.items()}
        return replace(result, evaluation=sealed)

    def fixing(*given: Any) -> Any:
        fixed.append(True)
        return evaluated(*given)

    monkeypatch.setattr(StageStore, "record", sealed)
    monkeypatch.setattr(execution, "winner_chains", fixing)
    go(ask(lab, search))
    assert fixed
    assert trials(lab, "evaluation")["acc"].notna().all()


def test_the_winners_of_several_metrics_are_the_pareto_front(lab: Lab) -> None:
    methods = "[{name: er, memory_size: {grid: [10, 20, 40, 80]}}]"
    go(
        ask(
            lab,
            "{algorithm: grid, metric: [acc, storage_bytes]}",
            methods=methods,
            training="{batch_size: 8}",
        )
    )
    candidates = trials(lab)
    points = list(zip(candidates["val_acc"], -candidates["storage_bytes"], strict=True))
    front = [not any(a >= x and b >= y and (a, b) != (x, y) for a, b in points) for x, y in points]
    assert list(candidates["selected"]) == front
    assert len(points) == 4


def test_with_tasks_in_the_space_each_benchmark_has_its_own_winner(lab: Lab) -> None:
    benchmark = "{name: split_digits, num_tasks: {grid: [2, 5]}, samples_per_task: 40}"
    go(
        ask(
            lab,
            "{algorithm: grid}",
            benchmark=benchmark,
            training="{batch_size: 8}",
            methods="[{name: l2, lam: {grid: [1, 100]}}]",
        )
    )
    winners = trials(lab, "evaluation")
    assert sorted(winners["group"]) == ["l2 num_tasks=2", "l2 num_tasks=5"]
    assert sorted(winners["num_tasks"]) == [2, 5]


# --- interruptions -------------------------------------------------------------------------------


class Died(BaseException):
    """The driver was killed."""


def dying_backend(after: int) -> Inline:
    """Return a backend whose driver dies once so many stages are done."""

    class Dying(Inline):
        def compute(self, client, sweep, store, observe, brake):  # type: ignore[no-untyped-def]
            done: list[str] = []

            def watch(news: Any) -> None:
                observe(news)
                if isinstance(news, StageDone):
                    done.append(news.key)
                    if len(done) == after:
                        raise Died

            super().compute(client, sweep, store, watch, brake)

    return Dying()


@pytest.mark.parametrize(
    "search",
    [
        "{algorithm: {name: optuna, startup: 2}, num_trials: 6, parallel: 2}",
        *variants(
            "{algorithm: random, num_trials: 12}",
            "{algorithm: random, num_trials: 6, scheduler: pbt}",
            "{algorithm: {name: optuna, startup: 2}, metric: [acc, bwt], num_trials: 5}",
            "{algorithm: {name: hyperopt, startup: 2}, num_trials: 6, parallel: 2}",
            "{algorithm: random, num_trials: 6, scheduler: hyperband}",
        ),
    ],
)
def test_a_search_killed_again_and_again_ends_as_if_it_had_not_been(
    make_lab: Callable[[], Lab], search: str, computed: list[str]
) -> None:
    straight, killed = ask(make_lab(), search), ask(make_lab(), search)
    go(straight)
    once = len(computed)
    computed.clear()
    for after in (1, 2, 3, 5):
        with pytest.raises(Died):
            go(killed, dying_backend(after))
    go(killed)
    assert same(straight, killed)
    assert len(computed) == len(set(computed)) == once


@pytest.mark.parametrize("scheduler", ["asha", "pbt", *variants("hyperband", "median")])
def test_every_decision_taken_before_a_kill_stands(
    lab: Lab, scheduler: str, computed: list[str]
) -> None:
    ask(lab, f"{{algorithm: random, num_trials: 6, scheduler: {scheduler}}}")
    steps: list[dict[str, Any]] = []
    for after in (3, 6, 4):
        with pytest.raises(Died):
            go(lab, dying_backend(after))
        assert entries(lab)[: len(steps)] == steps
        steps = entries(lab)
    go(lab)
    assert entries(lab)[: len(steps)] == steps
    assert len(computed) == len(set(computed))
    table = trials(lab)
    over = {"complete", "stopped"}
    assert set(table["status"]) <= over
    for row in table.to_dict("records"):  # who was stopped did not run on
        ends = [e for e in entries(lab) if e.get("number") == row["candidate"]]
        if any(e.get("decision") == "stop" or "stopped" in e for e in ends):
            depth = max(e["after"] for e in ends if "decision" in e)
            assert row["tasks_done"] == depth
            assert f"stopped by {scheduler} after {depth} task" in row["story"]


def test_a_line_half_written_when_the_driver_died_is_as_if_it_never_was(
    make_lab: Callable[[], Lab],
) -> None:
    search = "{algorithm: random, num_trials: 4}"
    straight, torn = ask(make_lab(), search), ask(make_lab(), search)
    go(straight)
    with pytest.raises(Died):
        go(torn, dying_backend(6))
    path = torn.out / "lab" / "search.jsonl"
    path.write_bytes(path.read_bytes()[:-7])
    go(torn)
    assert same(straight, torn)


def test_a_stage_that_failed_is_tried_again_by_the_next_run(lab: Lab) -> None:
    flag = lab.folder / "broken"
    source = f"""
        class Mine(Finetune):
            def begin_task(self, task):
                if task.index == 2 and Path({str(flag)!r}).exists():
                    raise OSError("disk is full")
        """
    flag.touch()
    ask(lab, "{algorithm: random, num_trials: 2}", methods=f"[{lab.method(source)}]")
    assert go(lab).missing_winners
    assert set(trials(lab)["status"]) == {"failed"}
    progress = json.loads((lab.out / "lab" / "progress.json").read_text())
    assert (progress["over"], progress["complete"], progress["failed"]) == (True, False, 2)
    flag.unlink()
    assert not go(lab).missing_winners
    assert json.loads((lab.out / "lab" / "progress.json").read_text())["complete"]
    assert set(trials(lab)["status"]) == {"complete"}


# --- order and number of workers -----------------------------------------------------------------


class Scrambled:
    """Workers of which a random one ends first."""

    def __init__(self, store: StageStore, slots: int, seed: int) -> None:
        self._store, self._slots = store, slots
        self._random, self._orders = np.random.default_rng(seed), list[StageOrder]()

    def slots(self) -> int:
        return self._slots

    def submit(self, order: StageOrder) -> None:
        self._orders.append(order)

    def wait(self) -> list[Event]:
        return [
            compute_order(self._orders.pop(self._random.integers(len(self._orders))), self._store)
        ]


def scrambled_backend(slots: int, seed: int) -> Inline:
    class Backend(Inline):
        def compute(self, client, sweep, store, observe, brake):  # type: ignore[no-untyped-def]
            drive(client, Scrambled(store, slots, seed), observe, brake)

    return Backend()


@pytest.mark.parametrize(
    "search",
    [
        "{algorithm: {name: optuna, startup: 2}, num_trials: 6, parallel: 3}",
        *variants(
            "{algorithm: random, num_trials: 6, scheduler: hyperband}",
            "{algorithm: random, num_trials: 6, scheduler: {name: pbt, quantile: 0.5}}",
        ),
    ],
)
def test_the_outcome_does_not_depend_on_who_ends_first(
    make_lab: Callable[[], Lab], search: str
) -> None:
    one, other = ask(make_lab(), search), ask(make_lab(), search)
    go(one)
    go(other, scrambled_backend(5, seed=3))
    tables, others = figures(one), figures(other)
    for name in ("trials", "accuracy"):
        assert tables[name].equals(others[name])


# --- more of a search ----------------------------------------------------------------------------


def test_a_search_made_longer_keeps_what_was_drawn(lab: Lab, computed: list[str]) -> None:
    go(ask(lab, "{algorithm: random, num_trials: 3}"))
    first = [e["point"] for e in entries(lab) if "point" in e]
    before = len(computed)
    go(ask(lab, "{algorithm: random, num_trials: 5}"))
    points = [e["point"] for e in entries(lab) if "point" in e]
    assert points[:3] == first
    assert len(points) == 5
    assert len(computed) - before <= 2 * 2 + 2  # two candidates, and a new winner at most


def test_another_space_is_another_search(lab: Lab) -> None:
    go(ask(lab, "{algorithm: random, num_trials: 2}"))
    other = "[{name: l2, lam: {loguniform: [2000, 3000]}}]"
    go(ask(lab, "{algorithm: random, num_trials: 2}", methods=other))
    assert trials(lab)["config.method.lam"].between(2000, 3000).all()


def test_what_was_searched_is_found_without_computing(lab: Lab, computed: list[str]) -> None:
    go(ask(lab, "{algorithm: random, num_trials: 3, scheduler: asha}"))
    tables = lab.tables
    computed.clear()
    go(lab)
    assert computed == []
    assert lab.tables == tables


def test_a_budget_of_stages_is_kept_and_the_same_command_continues(
    make_lab: Callable[[], Lab], computed: list[str]
) -> None:
    search = "{algorithm: random, num_trials: 3}"
    straight, bit_by_bit = ask(make_lab(), search), ask(make_lab(), search)
    go(straight)
    total = len(computed)
    spent = []
    for _ in range(20):
        computed.clear()
        outcome = go(bit_by_bit, budget=RunBudget(stages=4))
        spent.append(len(computed))
        if outcome.complete and not outcome.evaluation.num_missing:
            break
    assert spent[:-1] == [4] * (len(spent) - 1)
    assert sum(spent) == total
    assert same(straight, bit_by_bit)


def test_population_based_training_goes_on_from_the_stage_it_adopts(lab: Lab) -> None:
    go(ask(lab, "{algorithm: random, num_trials: 4, scheduler: {name: pbt, quantile: 0.5}}"))
    adopted = [e for e in entries(lab) if "adopted" in e]
    assert adopted
    keys = (
        load(lab.out / "lab")
        .stages.query("seed == 1")
        .pivot_table(index="trial_id", columns="after", values="key", aggfunc="first")
    )
    assert keys[1].nunique() < len(keys)  # somebody begins with another's stage
    for after, following in pairwise(range(1, 6)):  # who has one key has the same before it
        for _, group in keys.groupby(following):
            assert group[after].nunique() == 1
    schedules = [json.loads(text).get("schedule") for text in trials(lab)["config"]]
    assert all(len(schedule) == 5 for schedule in schedules if schedule)
    changed = [schedule for schedule in schedules if schedule]
    assert any(schedule[0] != schedule[-1] for schedule in changed)


def test_first_tasks_alone_decide_and_are_not_computed_twice(lab: Lab, computed: list[str]) -> None:
    go(ask(lab, "{algorithm: random, num_trials: 3, on_tasks: 2}", seeds="[0, 1]"))
    searched = trials(lab)
    assert set(searched["tasks_done"]) == {2}
    assert len(computed) == len(set(computed))
    # 3 candidates and 2 seeds: stage 0, two tasks each; then the winner's three others.
    assert len(computed) == 2 + 3 * 2 * 2 + 2 * 3
    evaluated = trials(lab, "evaluation")
    assert set(evaluated["tasks_done"]) == {5}
    assert evaluated["objective"].iloc[0] >= searched["objective"].max()


# --- selection at each task ----------------------------------------------------------------------


def per_task(lab: Lab) -> Lab:
    return ask(
        lab,
        "{algorithm: {name: per_task, margin: 0.1}}",
        training="{batch_size: 8, lr: {grid: [0.1, 0.01, 0.001]}}",
        methods="[{name: l2, lam: {grid: [10000, 10]}}]",
        seeds="[0, 1]",
    )


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[str]]:
    """A selection at each task that has ended, and the keys that it computed."""
    lab = per_task(Lab(tmp_path_factory.mktemp("lab")))
    with count_computed() as keys:
        go(lab)
    return lab, keys


@pytest.fixture
def selection_lab(selection: tuple[Lab, list[str]]) -> Lab:
    """A selection at each task that has ended; only read by tests."""
    return selection[0]


def test_selection_at_each_task_executes_no_more_than_candidates_times_tasks(
    selection: tuple[Lab, list[str]],
) -> None:
    lab, computed = selection
    assert len(computed) == len(set(computed)) <= 2 * ((3 + 2) * 5 + 1)
    assert go(lab).evaluation.executed == 0


def test_each_choice_follows_the_rule_and_sees_the_present_task_alone(selection_lab: Lab) -> None:
    tried, accuracy = trials(selection_lab), load(selection_lab.out / "lab").accuracy
    for (seed, task), here in tried.groupby(["seed", "tasks_done"]):
        own = accuracy[
            (accuracy["seed"] == seed)
            & (accuracy["after"] == task)
            & (accuracy["task"] == task)
            & (accuracy["split"] == "validation")
        ]
        now = own.set_index("trial_id")["accuracy"]
        assert (now[here["trial_id"]].to_numpy() == here["objective"].to_numpy()).all()
        step = here["config"].map(lambda text: json.loads(text)["selection"]["step"])
        best = here[step == "plasticity"]["objective"].max()
        stable = here[step == "stability"].sort_values("candidate")
        (chosen,) = np.flatnonzero(here["selected"])
        assert here.iloc[chosen]["trial_id"] == stable.iloc[-1]["trial_id"]
        assert (stable["objective"].iloc[:-1] < 0.9 * best).all()
        if len(stable) == 1:
            assert stable["objective"].iloc[0] >= 0.9 * best


def test_candidates_of_a_task_are_siblings(selection_lab: Lab) -> None:
    stages = load(selection_lab.out / "lab").stages
    tried = trials(selection_lab)[["trial_id", "seed", "tasks_done"]]
    last = stages.merge(tried, on=["trial_id", "seed"]).query("after == tasks_done")
    assert (last.groupby(["seed", "after"])["parent"].nunique() == 1).all()
    assert last.groupby("seed")["after"].nunique().eq(5).all()


def test_the_seeds_of_a_selection_are_one_configuration_with_its_choices_told(
    selection_lab: Lab,
) -> None:
    evaluated, stages = trials(selection_lab, "evaluation"), load(selection_lab.out / "lab").stages
    assert evaluated["trial_id"].nunique() == 1
    assert sorted(evaluated["seed"]) == [0, 1]
    rows = stages[stages["trial_id"].isin(evaluated["trial_id"])]
    choices = rows[rows["after"] > 0]["hyperparameters"].map(json.loads)
    assert all(set(choice) == {"training.lr", "method.lam"} for choice in choices)


@pytest.fixture(autouse=True)
def plain_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here dies with the machine, so nothing waits for the disk."""
    monkeypatch.setattr(journals.os, "fsync", lambda file: None)
