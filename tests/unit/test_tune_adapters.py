"""What Ray Tune ships, asked by a search: its schedulers decide as they do in Tune. No Ray runs."""

from __future__ import annotations

import random  # noqa: TID251 - Tune draws from it; it must be left as it was
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
import search_lab as lab
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers import TPESampler
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from orchestrator.backends import factory
from orchestrator.backends.optuna_sampler import suggest_value
from orchestrator.backends.tune_schedulers import TuneScheduler
from orchestrator.errors import RepertoireError
from orchestrator.search.ports import Adopted, Stopped
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.search_section.algorithms import HyperOpt, Optuna, Random
from orchestrator.sweep.search_section.schedulers import Asha, Fifo, HyperBand, Median, Pbt
from orchestrator.sweep.search_section.search import CustomClass, Search
from orchestrator.sweep.spaces.domains import Domain

pytestmark = pytest.mark.slow

SPACE = {"method.lam": Domain("loguniform", (1.0, 1e6))}
TIME = "training_iteration"


def search(
    scheduler: Any = None, algorithm: Any = None, metric: Any = "acc", mode: Any = None
) -> Search:
    objective = Objective.parse(metric, mode, "search", [])
    assert objective is not None
    return Search(
        algorithm=algorithm or Random(),
        num_trials=9,
        seeds=(1,),
        objective=objective,
        scheduler=scheduler or Fifo(),
        on_tasks=None,
        parallel=4,
    )


def create_scheduler(
    options: Any, goal: int = 9, mode: str = "max", space: Any = SPACE
) -> TuneScheduler:
    return TuneScheduler.create(search(options, mode=mode), space, goal, seed=3)


def test_no_step_of_a_race_goes_through_candidates_that_all_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler = create_scheduler(Asha(), goal=5)
    for number in range(20):
        scheduler.add(number, {"method.lam": 2.0})
    assert [scheduler.choose() for _ in range(20)] == list(range(20))
    looks: list[str] = []
    for name in ("get_trials", "get_live_trials"):
        monkeypatch.setattr(scheduler._controller, name, lambda name=name: looks.append(name) or [])
    assert scheduler.result(3, 1, 0.5) == "continue"
    assert (scheduler.effects(), scheduler.choose(), looks) == ([], None, [])


class Race:
    """Candidates whose value is the same after every task, run by what a scheduler says."""

    def __init__(self, scheduler: TuneScheduler, values: list[float], goal: int) -> None:
        self.scheduler, self.values, self.goal = scheduler, values, goal
        self.depth = dict.fromkeys(range(len(values)), 0)
        self.stopped: set[int] = set()
        self.adopted: list[Adopted] = []
        self.running: list[int] = []
        for number in self.depth:
            scheduler.add(number, {"method.lam": 10.0 ** (number % 6)})

    def run(self, at_a_time: int = 2) -> Race:
        while self._fill(at_a_time):
            self._advance(self.running.pop(0))
        return self

    def _fill(self, at_a_time: int) -> bool:
        while len(self.running) < at_a_time and (number := self.scheduler.choose()) is not None:
            assert number not in self.stopped
            self.running.append(number)
        return bool(self.running)

    def _advance(self, number: int) -> None:
        self.depth[number] += 1
        value = self.values[number]
        if self.depth[number] == self.goal:
            self.scheduler.end(number, self.goal, value)
        else:
            decision = self.scheduler.result(number, self.depth[number], value)
            if decision == "continue":
                self.running.append(number)
            elif decision == "stop":
                self.stopped.add(number)
                self.scheduler.end(number, self.depth[number], value)
        for effect in self.scheduler.effects():
            if isinstance(effect, Stopped):
                assert effect.number not in self.running
                self.stopped.add(effect.number)
            else:
                self.adopted.append(effect)

    def survivors(self) -> set[int]:
        return {number for number, depth in self.depth.items() if depth == self.goal}


# --- ASHA ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "sign"), [("max", 1.0), ("min", -1.0)])
def test_asha_decides_as_worked_by_hand(mode: str, sign: float) -> None:
    scheduler = create_scheduler(Asha(grace_tasks=1, reduction_factor=3), goal=9, mode=mode)
    for number in range(5):
        scheduler.add(number, {"method.lam": 1.0})
    # Rungs after 1 and 3 tasks. Who comes is held against the upper third of those before.
    for number, after, value, decision in [
        (0, 1, 0.50, "continue"),  # the first
        (1, 1, 0.40, "stop"),  # below 0.5
        (2, 1, 0.60, "continue"),  # above 0.4 + 2/3 * 0.1
        (3, 1, 0.52, "stop"),  # below 0.5 + 1/3 * 0.1
        (0, 2, 0.10, "continue"),  # no rung
        (2, 2, 0.99, "continue"),
        (2, 3, 0.70, "continue"),  # the first there
        (0, 3, 0.69, "stop"),
        (4, 1, 0.55, "continue"),  # 0.4, 0.5, 0.52, 0.6: not below 0.52
    ]:
        assert scheduler.result(number, after, sign * value) == decision, (number, after)


@settings(deadline=None, max_examples=40)
@given(
    st.permutations(sorted([*range(6)] * 8)),
    st.lists(st.integers(0, 9).map(lambda x: x / 10), min_size=6, max_size=6),
    st.sampled_from(["max", "min"]),
    st.sampled_from([(1, 3.0), (2, 2.0), (1, 1.5), (3, 4.0)]),
)
def test_asha_decides_as_tune_s_own_in_any_order(
    order: list[int], values: list[float], mode: str, rungs: tuple[int, float]
) -> None:
    grace, factor = rungs
    own = ASHAScheduler(
        time_attr=TIME, metric="m", mode=mode, max_t=9, grace_period=grace, reduction_factor=factor
    )
    scheduler = create_scheduler(
        Asha(grace_tasks=grace, reduction_factor=factor), goal=9, mode=mode
    )
    runners = [SimpleNamespace(trial_id=str(number)) for number in range(6)]
    for number, runner in enumerate(runners):
        own.on_trial_add(None, runner)
        scheduler.add(number, {"method.lam": 1.0})
    after, over = [0] * 6, set[int]()
    for number in order:
        if number in over:
            continue
        after[number] += 1
        value = values[(number + after[number]) % 6]
        expected = own.on_trial_result(None, runners[number], {TIME: after[number], "m": value})
        decision = scheduler.result(number, after[number], value)
        assert decision == {"CONTINUE": "continue", "STOP": "stop"}[expected]
        if decision == "stop":
            over.add(number)


def test_a_grace_longer_than_the_sequence_stops_nobody() -> None:
    race = Race(create_scheduler(Asha(grace_tasks=50), goal=4), [0.9, 0.1, 0.5], 4).run()
    assert (race.survivors(), race.stopped) == ({0, 1, 2}, set())


# --- HyperBand, median, PBT ----------------------------------------------------------------------


@pytest.mark.parametrize("at_a_time", [1, 3, 20])
@pytest.mark.parametrize(("mode", "sign"), [("max", 1.0), ("min", -1.0)])
def test_hyperband_halves_each_bracket_down_to_its_best(
    at_a_time: int, mode: str, sign: float
) -> None:
    # 9 tasks, factor 3: brackets of 3 that run through, 5 that meet after 3, 9 after 1 and after 3.
    values = [
        0.1,
        0.2,
        0.3,
        0.5,
        0.9,
        0.1,
        0.2,
        0.3,
        *(0.1 * i for i in (4, 8, 1, 5, 9, 2, 6, 7, 3)),
    ]
    scheduler = create_scheduler(HyperBand(reduction_factor=3), goal=9, mode=mode)
    race = Race(scheduler, [sign * value for value in values], 9).run(at_a_time)
    depth = race.depth
    assert [depth[number] for number in range(3)] == [9, 9, 9]
    assert [depth[number] for number in range(3, 8)] == [9, 9, 3, 3, 3]  # two of five: 5 / 3, up
    assert {n for n in range(8, 17) if depth[n] >= 3} == {9, 12, 15}  # 0.8, 0.9 and 0.7
    assert {n for n in range(8, 17) if depth[n] == 9} == {12}
    assert race.stopped == set(range(17)) - race.survivors()


def test_a_bracket_goes_on_without_one_that_failed() -> None:
    scheduler = create_scheduler(HyperBand(reduction_factor=3), goal=3)
    for number in range(5):  # a bracket of two that run through, one of three that meet after 1
        scheduler.add(number, {"method.lam": 1.0})
    begun = {scheduler.choose() for _ in range(5)}
    assert begun == set(range(5))
    assert scheduler.result(2, 1, 0.2) == "pause"
    assert scheduler.result(3, 1, 0.8) == "pause"
    scheduler.end(4, 0, None)
    assert scheduler.effects() == [Stopped(2)]
    assert scheduler.choose() == 3


@pytest.mark.parametrize(("mode", "sign"), [("max", 1.0), ("min", -1.0)])
def test_the_median_of_three_others_stops_who_is_below_it(mode: str, sign: float) -> None:
    scheduler = create_scheduler(Median(grace_tasks=2, min_trials=3), goal=4, mode=mode)
    for number in range(6):
        scheduler.add(number, {"method.lam": 1.0})
    assert {scheduler.choose() for _ in range(6)} == set(range(6))
    for number, value in ((0, 0.4), (1, 0.5), (2, 0.6)):
        for after in (1, 2, 3):
            assert scheduler.result(number, after, sign * value) == "continue"
    assert scheduler.result(3, 1, sign * 0.1) == "continue"  # still in its grace
    assert scheduler.result(3, 2, sign * 0.1) == "stop"
    scheduler.end(3, 2, sign * 0.1)
    assert (
        scheduler.result(4, 2, sign * 0.5) == "continue"
    )  # the median of 0.1, 0.4, 0.5, 0.6 is 0.45
    assert scheduler.result(5, 1, sign * 0.9) == "continue"
    assert scheduler.result(5, 2, sign * 0.2) == "continue"  # its best counts, 0.9


MIXED = {
    "method.lam": Domain("loguniform", (1.0, 100.0)),
    "training.lr": Domain("uniform", (0.1, 0.2)),
    "training.epochs": Domain("randint", (1, 3)),
    "training.batch_size": Domain("quniform", (8, 19, 4)),
    "training.momentum": Domain("quniform", (0.1, 0.35, 0.1)),
    "method.num_samples": Domain("lograndint", (5, 7)),
    "training.optimizer": Domain("choice", ("adam", "sgd")),
    "method.x": Domain("choice", ([4], [5])),
}
BEST = {
    "method.lam": 100.0,
    "training.lr": 0.2,
    "training.epochs": 3,
    "training.batch_size": 16,
    "training.momentum": 0.3,
    "method.num_samples": 7,
    "training.optimizer": "sgd",
    "method.x": [5],
}
WORST = {place: domain.representatives()[0] for place, domain in MIXED.items()}


def lies_in(domain: Domain, value: Any) -> bool:
    if domain.is_finite:
        return value in domain.args
    low, high = domain.representatives()
    on_step = True
    if domain.kind == "quniform":
        steps = (value - domain.args[0]) / domain.args[2]
        on_step = steps == pytest.approx(round(steps), abs=1e-9)
    return bool(type(value) is type(low) and low <= value <= high and on_step)


@pytest.mark.parametrize("resample", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_a_population_adopts_the_best_with_values_inside_each_domain(
    seed: int, resample: float
) -> None:
    pbt_search = search(Pbt(quantile=0.25, resample=resample))
    scheduler = TuneScheduler.create(pbt_search, MIXED, 4, seed)
    for number in range(4):
        scheduler.add(number, dict(BEST if number == 2 else WORST))
    assert {scheduler.choose() for _ in range(4)} == {0, 1, 2, 3}
    values = [0.5, 0.4, 0.9, 0.6]
    decisions = [scheduler.result(number, 1, values[number]) for number in range(4)]
    assert decisions[:3] == ["pause"] * 3  # each waits for the last
    (adopted,) = scheduler.effects()
    assert isinstance(adopted, Adopted)
    assert (adopted.number, adopted.source) == (1, 2)
    assert list(adopted.point) == list(MIXED)
    outside = {p: v for p, v in adopted.point.items() if not lies_in(MIXED[p], v)}
    assert outside == {}
    if not resample:  # a fifth more or less of the best, or the next in a list, whole numbers cut
        assert adopted.point["method.lam"] in (80.0, 100.0)
        assert adopted.point["training.epochs"] in (2, 3)


def test_a_population_does_not_wait_for_one_that_failed() -> None:
    race = Race(create_scheduler(Pbt(), goal=3), [0.1, 0.5, 0.9], 3)
    assert {race.scheduler.choose() for _ in range(3)} == {0, 1, 2}
    race.scheduler.end(0, 0, None)
    race.running = [1, 2]
    assert race.run().survivors() == {1, 2}


def test_the_same_seed_explores_alike_whoever_comes_first() -> None:
    adopted = []
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        scheduler = create_scheduler(Pbt(), goal=4)
        for number in range(4):
            scheduler.add(number, {"method.lam": 10.0**number})
        assert len({scheduler.choose() for _ in range(4)}) == 4
        for number in order:
            scheduler.result(number, 1, [0.5, 0.4, 0.9, 0.6][number])
        adopted.append(scheduler.effects())
    assert adopted[0] == adopted[1] != []


# --- by dotted name ------------------------------------------------------------------------------


def test_a_scheduler_of_tune_s_by_dotted_name_decides_as_it_would_there() -> None:
    name = "ray.tune.schedulers:ASHAScheduler"
    by_name = create_scheduler(
        CustomClass(name, {"max_t": 9, "grace_period": 1, "reduction_factor": 3})
    )
    built_in = create_scheduler(Asha(grace_tasks=1, reduction_factor=3), goal=9)
    assert by_name.name == name
    values = [0.5, 0.4, 0.6, 0.52, 0.9]
    races = [Race(scheduler, values, 9).run() for scheduler in (by_name, built_in)]
    assert races[0].depth == races[1].depth
    assert races[0].stopped


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ray.tune.schedulers:ASHAScheduler", {"grace": 1}, "cannot be made with {'grace': 1}: Ty"),
        ("ray.tune.schedulers:ASHAScheduler", {"max_t": 0}, "cannot be made with {'max_t': 0}: As"),
        ("ray.tune.schedulers:ASHAScheduler", {"metric": "acc"}, "must not be given a metric or a"),
        ("ray.tune.schedulers:ASHAScheduler", {"mode": "max"}, "must not be given a metric or a m"),
    ],
)
def test_options_that_a_scheduler_does_not_take_are_told_in_a_line(
    answer: Callable[..., tuple[int, str]],
    tmp_path: Path,
    name: str,
    options: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(RepertoireError) as caught:
        create_scheduler(CustomClass(name, options))
    assert str(caught.value).startswith(f"search.scheduler: {name} {message}")
    given = {"name": name, **options}
    lab.write(tmp_path, search=f"{{algorithm: random, num_trials: 2, scheduler: {given}}}")
    for command in (("plan",), ("run", "--backend", "inline")):
        code, err = answer(*command, "lab.yaml")
        assert (code, err) == (2, f"repertoire: {caught.value}\n")


NEEDS_MORE = """
from ray.tune.schedulers import FIFOScheduler

class Reclaiming(FIFOScheduler):
    def on_trial_result(self, tune_controller, trial, result):
        tune_controller.resource_manager.reclaim(trial)
        return self.STOP
"""


def test_a_scheduler_that_needs_more_of_the_controller_fails_with_one_message(
    answer: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "own_scheduler.py").write_text(NEEDS_MORE)
    search = "{algorithm: random, num_trials: 2, scheduler: 'own_scheduler:Reclaiming'}"
    lab.write(tmp_path, search=search)
    code, err = answer("run", "--backend", "inline", "lab.yaml")
    assert code == 2
    assert err.startswith(
        "repertoire: search.scheduler: own_scheduler:Reclaiming failed in on_trial_result(): "
        "AttributeError: 'Controller' object has no attribute 'resource_manager'; "
    )
    assert err.endswith("valid: fifo, asha, hyperband, median, pbt\n")
    lab.write(tmp_path, search="{algorithm: random, num_trials: 2}")
    assert len(lab.trials(tmp_path)) == 2  # the candidates drawn before it are in the tables


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray, which other tests may have started, must not be started here."""

    def fail(*given: object, **named: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr(ray, "init", fail)


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ray.tune.schedulers:FIFOScheduler", "{}"),
        ("ray.tune.schedulers:ASHAScheduler", "{max_t: 5, grace_period: 1, reduction_factor: 2}"),
        ("ray.tune.schedulers:MedianStoppingRule", "{grace_period: 1, min_samples_required: 2}"),
    ],
)
def test_a_search_runs_under_a_scheduler_by_dotted_name(
    tmp_path: Path, name: str, options: str
) -> None:
    scheduler = f"{{name: '{name}'{options.replace('{', ', ', 1) if options != '{}' else '}'}"
    outcome = lab.run(
        tmp_path,
        search=f"{{algorithm: random, num_trials: 4, scheduler: {scheduler}}}",
        benchmark="{name: split_digits, num_tasks: 5, samples_per_task: 32, scenario: task}",
        training="{batch_size: 16, lr: {loguniform: [1.0e-3, 0.5]}}",
    )
    table = lab.trials(tmp_path)
    assert outcome.complete
    assert not outcome.missing_winners
    assert list(table["status"]).count("complete") >= 1
    stopped = table[table["status"] == "stopped"]
    assert all(story.startswith(f"stopped by {name} after") for story in stopped["story"])
    assert len(stopped) == (0 if "FIFO" in name else len(table) - (table["tasks_done"] == 5).sum())


SEARCHER = """
from ray.tune.search import Searcher

class Halving(Searcher):
    '''Suggests the geometric middle of a range, then of its lower half, and so on.'''

    def __init__(self, first=2.0, metric=None, mode=None):
        super().__init__(metric=metric, mode=mode)
        self.value, self.reported = first, []

    def set_search_properties(self, metric, mode, config, **spec):
        self.place, domain = next(iter(config.items()))
        self.low, self.high = domain.lower, domain.upper
        self.properties = (metric, mode)
        return True

    def suggest(self, trial_id):
        if len(self.reported) == 4:
            return Searcher.FINISHED
        self.value = (self.low * self.high) ** 0.5
        self.high = self.value
        return {self.place: self.value}

    def on_trial_result(self, trial_id, result):
        raise AssertionError("not asked for")

    def on_trial_complete(self, trial_id, result=None, error=False):
        assert set(result) == {self.properties[0], "training_iteration"} and not error
        self.reported.append((trial_id, result[self.properties[0]]))

    def save(self, path):
        pass

    def restore(self, path):
        pass
"""


def test_a_search_asks_a_searcher_of_the_user_s_own(
    tmp_path: Path, load: Callable[[str], Any]
) -> None:
    (tmp_path / "own_searcher.py").write_text(SEARCHER)
    lab.run(
        tmp_path,
        search="{algorithm: {name: 'own_searcher:Halving', first: 3}, parallel: 1}",
        methods="[{name: ewc, lam: {loguniform: [1, 10000]}}]",
    )
    values = [point["method.lam"] for point in lab.points(tmp_path)]
    assert values == pytest.approx([100, 10, 10**0.5, 10**0.25])  # then it has finished
    assert set(lab.trials(tmp_path)["status"]) == {"complete"}


def create_sampler(
    algorithm: Any, space: Any, seed: int, metric: Any = "acc", mode: Any = None
) -> Any:
    options = search(algorithm=algorithm, metric=metric, mode=mode)
    group: Any = SimpleNamespace(space=space)
    return factory.create_sampler(options, group, seed)


RANGES = {
    "method.lam": Domain("loguniform", (1.0, 100.0)),
    "training.epochs": Domain("randint", (1, 3)),
    "training.batch_size": Domain("quniform", (10, 19, 4)),
    "training.momentum": Domain("quniform", (0.05, 0.35, 0.1)),
    "method.num_samples": Domain("lograndint", (5, 7)),
    "training.optimizer": Domain("choice", ("adam", "sgd")),
    "method.x": Domain("grid", ([4], [5])),
    "training.lr": Domain("uniform", (0.1, 0.2), (("training.optimizer", ("sgd",)),)),
}
BY_NAME = CustomClass("ray.tune.search.optuna:OptunaSearch", {"seed": 1})
ALGORITHMS = [Optuna(startup=3), HyperOpt(startup=3), BY_NAME]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_suggested_lies_in_each_domain_and_reaches_both_ends(algorithm: Any) -> None:
    sampler = create_sampler(algorithm, RANGES, 7)
    points = []
    for number in range(60):
        point = sampler.ask(number)
        assert point is not None
        points.append(point)
        sampler.tell(number, (0.1 * (number % 7),), failed=False)
        active = {p for p, domain in RANGES.items() if domain.is_active(point)}
        assert set(point) == active  # what does not count is absent
        assert {p: v for p, v in point.items() if not lies_in(RANGES[p], v)} == {}
    for place in ("training.epochs", "method.num_samples", "training.batch_size"):
        assert set(RANGES[place].representatives()) <= {point[place] for point in points}
    assert {point["training.optimizer"] for point in points} == {"adam", "sgd"}


@pytest.mark.usefixtures("no_ray")
def test_a_search_runs_with_a_searcher_that_tune_ships_by_dotted_name(tmp_path: Path) -> None:
    lab.run(
        tmp_path,
        search="{algorithm: {name: 'ray.tune.search.optuna:OptunaSearch', seed: 1}, num_trials: 4}",
        training="{batch_size: {quniform: [10, 19, 4]}, epochs: {randint: [1, 2]}}",
    )
    assert len(lab.points(tmp_path)) == 4
    assert set(lab.trials(tmp_path)["status"]) == {"complete"}


# --- Optuna --------------------------------------------------------------------------------------


def suggestions(algorithm: Any, seed: int, metric: Any = "acc") -> list[Mapping[str, Any]]:
    return points_of(create_sampler(algorithm, RANGES, seed, metric), metric)


def points_of(sampler: Any, metric: Any) -> list[Mapping[str, Any]]:
    points = []
    for number in range(12):
        point = sampler.ask(number)
        assert point is not None
        points.append(point)
        values = (0.1 * number, 5.0 - number) if isinstance(metric, list) else (0.1 * number,)
        # One failed, and one was stopped early.
        sampler.tell(number, None if number in (3, 5) else values, failed=number == 3)
    return points


@pytest.mark.parametrize(
    ("algorithm", "metric"),
    [
        (Optuna(startup=3), "acc"),
        (Optuna(startup=3), ["acc", "storage_bytes"]),
        (HyperOpt(startup=3), "acc"),
    ],
    ids=["optuna", "optuna of several", "hyperopt"],
)
def test_the_same_seed_suggests_the_same_and_another_something_else(
    algorithm: Any, metric: Any
) -> None:
    first, again, other = (suggestions(algorithm, seed, metric) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("mode", "sign"), [("max", 1.0), ("min", -1.0)])
def test_optuna_learns_where_it_is_better(mode: str, sign: float) -> None:
    space = {"x": Domain("uniform", (0.0, 1.0))}
    sampler = create_sampler(Optuna(startup=10), space, 0, mode=mode)
    xs = []
    for number in range(40):
        point = sampler.ask(number)
        assert point is not None
        xs.append(point["x"])
        sampler.tell(number, (sign * -abs(point["x"] - 0.8),), failed=False)
    values, learned = np.abs(np.array(xs[:10]) - 0.8), np.abs(np.array(xs[25:]) - 0.8)
    assert learned.mean() < values.mean() / 2


class TuneOptuna:
    """Optuna as release 0.1 called it, by Tune's `OptunaSearch`."""

    def __init__(self, modes: tuple[str, ...], multivariate: bool, seed: int) -> None:
        self.metrics = [f"objective_{i}" for i in range(len(modes))]
        one = len(modes) == 1
        self.searcher = OptunaSearch(
            space=self.run_through,
            sampler=TPESampler(seed=seed, n_startup_trials=3, multivariate=multivariate),
            metric=self.metrics[0] if one else self.metrics,
            mode=modes[0] if one else list(modes),
        )

    def run_through(self, trial: Any) -> dict[str, Any]:
        point: dict[str, Any] = {}
        for place, domain in RANGES.items():
            if domain.is_active(point):
                point[place] = suggest_value(trial, place, domain)
        return {"point": [[place, value] for place, value in point.items()]}

    def ask(self, number: int) -> dict[str, Any]:
        return dict(self.searcher.suggest(str(number))["point"])

    def tell(self, number: int, values: Any, failed: bool) -> None:
        result = None if values is None else dict(zip(self.metrics, values, strict=True))
        self.searcher.on_trial_complete(str(number), result=result, error=failed)


@pytest.mark.parametrize("metric", ["acc", ["acc", "storage_bytes"]])
def test_optuna_draws_the_points_that_it_drew_under_tune(metric: Any) -> None:
    modes = ("max", "min") if isinstance(metric, list) else ("max",)
    algorithm = Optuna(startup=3)
    points = points_of(create_sampler(algorithm, RANGES, 5, metric), metric)
    assert points == points_of(TuneOptuna(modes, algorithm.multivariate, 5), metric)


# --- what is left as it was ----------------------------------------------------------------------


@pytest.fixture
def require_untouched() -> Iterator[None]:
    before, before_numpy = random.getstate(), np.random.get_state()
    yield
    assert random.getstate() == before
    assert all(
        np.array_equal(a, b) for a, b in zip(np.random.get_state(), before_numpy, strict=True)
    )


@pytest.mark.usefixtures("require_untouched")
@pytest.mark.parametrize("options", [Asha(), HyperBand(), Median(), Pbt(resample=1.0)])
def test_a_scheduler_leaves_the_global_generators_as_they_were(options: Any) -> None:
    race = Race(create_scheduler(options, goal=4), [0.1, 0.9, 0.5, 0.3, 0.7], 4).run()
    assert race.survivors()


@pytest.mark.usefixtures("require_untouched")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_searcher_leaves_the_global_generators_as_they_were(algorithm: Any) -> None:
    assert len(suggestions(algorithm, 1)) == 12
