"""Stages that are trained together: the numbers of each by itself, the bits of any grouping."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fused_lab import (
    CASES,
    FOR,
    TRAINING,
    assert_same_row,
    chain,
    costs_of,
    finish,
    group_of,
    initial,
    run_apart,
    run_fused,
    same_bits,
    siblings,
)

from orchestrator.backends.inline import InlineWorkers
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import drive
from orchestrator.graph.evaluation import Evaluation
from orchestrator.graph.plan import plan
from orchestrator.stages import compute_group as compute_module
from orchestrator.stages.compute_group import compute_group
from orchestrator.stages.fused import run_group as module
from orchestrator.stages.fused import steps
from orchestrator.stages.fused.run_group import run_group
from orchestrator.stages.fused.slots import ON_GPU, split_groups
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.outcomes import StageDone, StageFailed
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.stages.siblings import explain_unfused, is_fused, sibling_key
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.usage import Clock
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.options import RunBudget
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.fused_rows import fused_rows

SHOWN = ("si", "ewc", "er", "der")


@pytest.mark.parametrize("name", CASES)
def test_fused_siblings_have_the_numbers_and_costs_of_each_by_itself(name: str) -> None:
    one, other = siblings(name)
    assert sibling_key(one[2]) == sibling_key(other[2]) is not None
    for stages, runs in zip((other, one), group_of(name)[::2], strict=True):
        for (state, record), (plain, reference) in zip(runs, run_apart(stages), strict=True):
            assert state.keys() == plain.keys()
            for part, value in plain.items():
                torch.testing.assert_close(state[part], value, rtol=1e-3, atol=1e-5)
            assert costs_of(record) == costs_of(reference)
            assert_same_row(record, reference)


@pytest.mark.parametrize(
    "name",
    [
        *SHOWN,
        *(pytest.param(name, marks=pytest.mark.variant) for name in CASES if name not in SHOWN),
    ],
)
def test_the_bits_of_a_sibling_do_not_depend_on_the_others(name: str) -> None:
    one, other = siblings(name)
    alone, first = run_fused([one])[0], run_fused([one, other])[0]
    for runs in (alone, first):
        assert all(same_bits(a[0], b[0]) for a, b in zip(runs, group_of(name)[2], strict=True))


@pytest.mark.parametrize("name", ["si", "er"])
def test_slots_that_are_left_over_change_no_bit_and_cost_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, whose groups have a fixed number of slots."""
    for where in (module, steps):
        monkeypatch.setattr(where, "num_slots", lambda siblings, device: 5)
    one, other = siblings(name)
    runs = zip(run_fused([one, other]), group_of(name)[2::-2], strict=True)
    for (state, record), (same, reference) in (
        pair for both in runs for pair in zip(*both, strict=True)
    ):
        assert same_bits(state, same)
        assert costs_of(record) == costs_of(reference)


def test_more_siblings_than_a_gpu_has_slots_for_are_groups_of_nearly_one_size() -> None:
    assert [*split_groups(range(7), "cpu")] == [range(7)]
    assert [len(each) for each in split_groups(range(ON_GPU), "cuda")] == [ON_GPU]
    groups = [*split_groups(range(2 * ON_GPU + 1), "cuda")]
    assert [row for each in groups for row in each] == [*range(2 * ON_GPU + 1)]
    assert [len(each) for each in groups] == [22, 22, 21]


def test_each_sibling_has_an_equal_share_of_the_seconds_of_the_training() -> None:
    whole, own = Clock(), Clock()
    whole.seconds, whole.cpu_seconds = {"train": 6.0}, 4.5
    own.add_share(whole, 3)
    assert (own.seconds, own.cpu_seconds) == ({"train": 2.0}, 1.5)


def test_a_sibling_that_diverges_ends_alone_with_the_story_and_costs_it_has_by_itself() -> None:
    good, bad = chain("finetune", 0), chain("finetune", 1, replace(TRAINING, lr=1e30))
    parents = [initial(seed)[0] for seed in (0, 1)]
    (state, _), (none, record) = run_group([good[1], bad[1]], parents, [FOR, FOR])
    assert state is not None
    assert same_bits(state, finish(run_group([good[1]], parents[:1], [FOR])[0])[0])
    _, reference = run_stage(bad[1], parents[1], FOR)
    assert (none, record.status, record.story) == (None, "diverged", reference.story)
    assert costs_of(record) == costs_of(reference)


def test_numerics_are_in_a_key_only_where_a_stage_is_fused() -> None:
    def keys(name: str, training: Training, **config: Any) -> list[str]:
        return [stage.key for stage in chain(name, 0, training, **config)]

    off = replace(TRAINING, fuse=None)
    assert keys("ewc", TRAINING)[0] == keys("ewc", off)[0], "nothing is trained there"
    assert not set(keys("ewc", TRAINING)[1:]) & set(keys("ewc", off))
    assert keys("ewc", TRAINING) == keys("ewc", replace(TRAINING, fuse=3)), "bits are the same"
    assert keys("ewc", TRAINING) == keys("ewc", replace(TRAINING, fuse="auto"))
    assert keys("gem", TRAINING, memory_size=10) == keys("gem", off, memory_size=10)
    clipped = {"clip": 1.0}
    assert keys("ewc", replace(TRAINING, **clipped)) == keys("ewc", replace(off, **clipped))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"schedule": "cosine"}, "training.schedule cannot be fused"),
        ({"clip": 1.0}, "training.clip cannot be fused"),
        ({"keep_optimizer": True}, "training.keep_optimizer cannot be fused"),
        ({"early_stopping": {"patience": 1}}, "training.early_stopping cannot be fused"),
        ({"precision": "bf16"}, "training.precision cannot be fused"),
        ({"augment": ("flip",)}, "training.augment cannot be fused"),
        ({"optimizer": "rmsprop"}, "optimizer rmsprop cannot be fused"),
        ({"lr": {"head": 0.1, "body": 0.2}}, "learning rates of head and body cannot be fused"),
        ({"num_threads": 2}, "training.num_threads is not 1"),
        ({"batch_size": 10_000, "fuse": "auto"}, "network mlp is too large to gain from it"),
    ],
)
def test_what_is_not_covered_is_trained_apart(options: dict[str, Any], reason: str) -> None:
    stage = chain("finetune", 0, replace(TRAINING, **options))[1]
    parts = (stage.benchmark, stage.network, stage.training, stage.method)
    assert (explain_unfused(*parts), is_fused(stage), sibling_key(stage)) == (reason, False, None)


@pytest.mark.parametrize(
    ("name", "config"),
    [("derpp", {}), ("lwf", {"warm_up_epochs": 1}), ("er", {"codec": "png", "memory_size": 9})],
)
def test_a_subclass_or_a_variant_is_not_fused_unless_it_says_so(
    name: str, config: dict[str, Any]
) -> None:
    assert not is_fused(chain(name, **config)[1])


def test_stages_whose_losses_have_other_terms_are_no_siblings() -> None:
    on, off = (sibling_key(chain("ewc", lam=lam)[2]) for lam in (1.0, 0.0))
    assert on != off
    memories = {sibling_key(chain("er", memory_size=size)[2]) for size in (10, 20)}
    assert len(memories) == 2


CONTENT = {
    "name": "fused",
    "benchmark": {"name": "split_digits", "num_tasks": 2, "samples_per_task": 25},
    "network": {"name": "mlp", "hidden": [5]},
    "training": {"batch_size": 10, "lr": 0.01},
    "methods": [{"name": "ewc", "lam": {"grid": [1.0, 10.0]}}, {"name": "er", "memory_size": 10}],
    "seeds": [0, 1, 2],
}


def sweep(fuse: Any = 4, **sections: Any) -> Sweep:
    return Sweep.read({**CONTENT, "resources": {"fuse": fuse}, **sections}, "", "test", Path())


class Recording(InlineWorkers):
    """Notes how many stages each task has."""

    def __init__(self, store: StageStore) -> None:
        super().__init__(store, "cpu")
        self.sizes: list[int] = []

    def submit(self, order: StageOrder) -> None:
        self.sizes.append(1)
        super().submit(order)

    def submit_together(self, orders: tuple[StageOrder, ...]) -> None:
        self.sizes.append(len(orders))
        super().submit_together(orders)


def run(
    folder: Path, given_sweep: Sweep, brake: Brake | None = None
) -> tuple[StageStore, Recording]:
    store = StageStore(str(folder))
    workers = Recording(store)
    drive(Evaluation(plan(given_sweep, store)), workers, lambda news: None, brake or Brake())
    return store, workers


def states(store: StageStore, given_sweep: Sweep) -> dict[str, State]:
    keys = {key for chain in plan(given_sweep, store).chains for key in chain.keys}
    return {key: state for key in keys if (state := store.state(key)) is not None}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, State], Recording]:
    store, workers = run(tmp_path_factory.mktemp("undisturbed"), sweep())
    return states(store, sweep()), workers


def test_ready_siblings_are_one_task_of_at_most_as_many_as_the_sweep_says(
    undisturbed: tuple[dict[str, State], Recording],
) -> None:
    states, workers = undisturbed
    # Three stages 0, then for each task 6 of ewc (on the first its lam is inert: 3), and 3 of er.
    assert len(states) == 3 + (3 + 3) + (6 + 3)
    assert sorted(workers.sizes) == [1, 1, 1, 2, 3, 3, 3, 4], "six of ewc are four and two"


@pytest.mark.parametrize("stages", [4, pytest.param(11, marks=pytest.mark.variant)])
def test_an_interrupted_run_that_goes_on_has_the_bits_of_one_that_was_not(
    stages: int, tmp_path: Path, undisturbed: tuple[dict[str, State], Recording]
) -> None:
    brake = Brake(RunBudget(stages=stages))
    store, workers = run(tmp_path, sweep(), brake)
    assert sum(workers.sizes) == stages, "siblings do not exceed the budget"
    assert brake.reason is not None
    run(tmp_path, sweep(fuse=3))
    resumed = states(store, sweep())
    assert resumed.keys() == undisturbed[0].keys()
    assert all(same_bits(state, undisturbed[0][key]) for key, state in resumed.items())


def orders(*chains: list[Stage]) -> list[StageOrder]:
    return [StageOrder((stages[1],), ("sweep", f"t{i}", i)) for i, stages in enumerate(chains)]


def store_with_parents(folder: Path, *chains: list[Stage]) -> StageStore:
    store = StageStore(str(folder))
    for stages in chains:
        store.put(*initial(stages[0].seed))
    return store


def test_if_a_group_fails_only_the_stage_at_fault_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    chains = [chain("finetune", seed) for seed in range(3)]
    store = store_with_parents(tmp_path, *chains)
    build = module.build_method

    def build_or_raise(stage: Stage, *rest: Any, **named: Any) -> Any:
        if stage.seed == 1:
            raise OverflowError("too much")
        return build(stage, *rest, **named)

    monkeypatch.setattr(module, "build_method", build_or_raise)
    good, failed, other = compute_group(orders(*chains), store, owner="host/1/me")
    assert not logged, "its story says it"
    assert (good, other) == (StageDone(chains[0][1].key), StageDone(chains[2][1].key))
    assert isinstance(failed, StageFailed)
    assert failed.story.startswith("OverflowError: too much")


def test_an_error_of_the_fused_program_itself_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    chains = [chain("finetune", seed) for seed in range(2)]
    store = store_with_parents(tmp_path, *chains)

    def run_group(*_: object) -> None:
        raise MemoryError("no room for a group")

    monkeypatch.setattr(compute_module, "run_group", run_group)
    outcomes = compute_group(orders(*chains), store)
    assert outcomes == [StageDone(stages[1].key) for stages in chains]
    (line,) = logged
    assert line.startswith("2 siblings could not be trained together, and were one by one: Memory")


def test_a_group_leaves_alone_what_is_stored_or_has_no_parent(tmp_path: Path) -> None:
    chains = [chain("finetune", seed) for seed in range(4)]
    store = store_with_parents(tmp_path, *chains[:3])
    compute_group(orders(*chains[:1]), store)
    outcomes = compute_group(orders(*chains), store)
    assert [getattr(each, "work", "lost") for each in outcomes] == [
        *("none", "computed", "computed", "lost")
    ]


def test_a_file_says_whether_siblings_are_fused() -> None:
    def fuse(**resources: Any) -> Any:
        return (
            Sweep.read({**CONTENT, "resources": resources}, "", "t", Path()).trials[0].training.fuse
        )

    assert [fuse(fuse=given) for given in (4, "auto", "off", False)] == [4, "auto", None, None]
    assert (fuse(), fuse(fuse=4, gpus=1)) == (None, 4)


def test_a_plan_says_how_many_stages_are_fused_and_why_others_are_not(tmp_path: Path) -> None:
    store = StageStore(str(tmp_path))
    rows = list(
        fused_rows(plan(sweep(methods=["finetune", {"name": "gem", "memory_size": 9}]), store))
    )
    assert rows == [
        ("stages to be fused", "6, up to 3 at a time"),
        ("stages not fused", "6: gem cannot be fused"),
    ]
    assert list(fused_rows(plan(sweep("off"), store))) == []
