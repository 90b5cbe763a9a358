"""The laws of the design, tried on small real sweeps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from alike import NEED_TOKENS, VIT_IN_A_SWEEP, cases
from lab import Lab
from safetensors.torch import save

from methods import METHODS
from methods.testing.hyperparameters import change_hyperparameter
from orchestrator.backends.inline import Inline
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.graph.driver import drive
from orchestrator.graph.events import Event, Instruction, StageDone
from orchestrator.networks.networks import MLP
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.environment import fix_arithmetic
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import State, capture_state, run_stage, train_and_consolidate
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method, score_trained_tasks, task_view
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.usage import Clock
from orchestrator.stages.worker import StageOrder, compute_order

Observer = Callable[[Event | Instruction], None]
PERMUTED = (
    "{{name: permuted_digits, scenario: {scenario}, num_tasks: {num_tasks}, samples_per_task: 32}}"
)
# A scenario each, all three in turn; `make test-storm` holds every method to it in all it serves.
SERVED = [
    (name, sorted(cls.scenarios)[number % len(cls.scenarios)])
    for number, (name, cls) in enumerate(METHODS.items())
]
# A method for each kind of state: of parameters, of examples, a second network, further columns.
STORED_APART = {"si", "icarl", "generative_replay", "pnn"}
FOUR = "[finetune, joint, {name: ewc, lam: {grid: [1, 100]}}, {name: er, memory_size: 20}]"


def permuted_benchmark(scenario: str = "domain", num_tasks: int = 3) -> str:
    return PERMUTED.format(scenario=scenario, num_tasks=num_tasks)


# --- law 1: a cached stage equals a fresh one ----------------------------------------------------


def test_a_stage_shared_by_trials_equals_the_stage_each_would_compute_alone(make_lab) -> None:
    together = make_lab().ask(FOUR, seeds="[0, 1]")
    together.run()
    for trial in ("finetune", "joint", "{name: ewc, lam: 1}", "{name: ewc, lam: 100}"):
        alone = make_lab().ask(f"[{trial}]", seeds="[1]")
        alone.run()
        assert (
            alone.files("state.safetensors").items() <= together.files("state.safetensors").items()
        )
        for key in alone.files("record.json"):
            own, shared = alone.store.record(key), together.store.record(key)
            assert own.evaluation == shared.evaluation
            assert own.costs.train_flops == shared.costs.train_flops
            assert own.costs.storage == shared.costs.storage


# --- law 2: stopping and resuming equals running straight through --------------------------------


class OneStageAtATime(Inline):
    """Runs until a stage is done, then dies."""

    def compute(self, client, sweep, store, observe, brake):  # type: ignore[no-untyped-def]
        def watch(news: Event | Instruction) -> None:
            observe(news)
            if isinstance(news, StageDone):
                raise KeyboardInterrupt

        super().compute(client, sweep, store, watch, brake)


@pytest.mark.parametrize(
    ("name", "scenario"),
    # The contract suite holds every method to this law; here it is held with a store between.
    [
        pytest.param(*served, marks=[] if served[0] in STORED_APART else [pytest.mark.variant])
        for served in SERVED
    ],
)
def test_stopping_at_every_task_boundary_changes_nothing(
    name: str, scenario: str, make_lab
) -> None:
    network = {"network": VIT_IN_A_SWEEP} if name in NEED_TOKENS else {}
    straight, resumed = (
        make_lab().ask(f"[{name}]", benchmark=permuted_benchmark(scenario), **network)
        for _ in range(2)
    )
    straight.run()
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            resumed.run(OneStageAtATime())
    assert resumed.run().executed == 0
    assert resumed.files("state.safetensors") == straight.files("state.safetensors")
    assert resumed.tables["accuracy"] == straight.tables["accuracy"]
    check_kept_in_memory(straight, METHODS[name].starts_afresh)


TRAININGS = {
    "schedule": "{batch_size: 16, epochs: 2, schedule: {name: cosine, warmup: 0.5}}",
    "all": (
        "{batch_size: 16, epochs: 2, schedule: onecycle, clip: 0.5, label_smoothing: 0.1, "
        "drop_last: true, optimizer: {name: sgd, momentum: 0.9, nesterov: true}}"
    ),
    "kept": (
        "{batch_size: 16, epochs: 4, keep_optimizer: true, lr: {head: 0.2, body: 0.1}, "
        "early_stopping: {patience: 1, metric: accuracy}, "
        "augment: [{name: pad_crop, padding: 1}, cutmix]}"
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param("schedule", marks=pytest.mark.variant), "all", "kept"]
)
def test_nor_does_it_under_a_schedule(name: str, make_lab) -> None:
    straight, resumed = (
        make_lab().ask("[si]", benchmark=permuted_benchmark(), training=TRAININGS[name])
        for _ in range(2)
    )
    straight.run()
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            resumed.run(OneStageAtATime())
    assert resumed.files("state.safetensors") == straight.files("state.safetensors")
    assert resumed.tables["accuracy"] == straight.tables["accuracy"]
    check_kept_in_memory(straight, starts_afresh=False)


def check_kept_in_memory(lab: Lab, starts_afresh: bool) -> None:
    """A method never saved between its tasks passes through the very states that were stored."""
    sweep_plan = lab.plan()
    chain = [sweep_plan.orders[key].stages[0] for key in sweep_plan.chains[0].keys]
    state = first = lab.store.state(chain[0].key)
    for stage in chain[1:]:
        if stage.after == 1 or starts_afresh:
            method = build_method(stage, first, learned=0)
        view = task_view(stage, method, "cpu")
        train = partial(train_task, method, view, stage.training, FlopMeter(), state)
        validate = partial(score_trained_tasks, stage, method, "cpu", FlopMeter())
        with fix_arithmetic(stage):
            trained = train_and_consolidate(
                partial(train, validate), method, view, Clock("cpu"), FlopMeter()
            )
        state = capture_state(method, trained.optimizer)
        stored = lab.store.state(stage.key)
        for entry, tensor in state.items():
            assert torch.equal(tensor, stored[entry]), f"{entry} after task {stage.after}"


# --- law 3: each key is computed at most once ----------------------------------------------------


def test_each_key_is_computed_once_however_many_trials_want_it(
    lab: Lab, computed: list[str]
) -> None:
    lab.ask(FOUR, benchmark=permuted_benchmark(), seeds="[0, 1]").run()
    assert len(computed) == len(set(computed)) == len(lab.plan().orders)
    # Each seed: stage 0 once for all; the first task of ewc once for both values of lam.
    assert len(computed) == 2 * (1 + 3 + 3 + (1 + 2 * 2) + 3)
    assert lab.run().executed == 0
    assert (
        lab.ask("[{name: ewc, lam: 100}, finetune]", benchmark=permuted_benchmark(), seeds="[1]")
        .run()
        .executed
        == 0
    )


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_crash_between_state_and_record_is_healed(
    lab: Lab, computed: list[str], after: int
) -> None:
    lab.ask("[ewc]", benchmark=permuted_benchmark()).run()
    states, tables, key = lab.files("state.safetensors"), lab.tables, computed[after]
    folder = lab.out / "stages" / key[:2] / key
    (folder / "record.json").unlink()
    (folder / "record.json.0123.tmp").write_text('{"half')
    cut(folder / "state.safetensors")
    computed.clear()
    lab.run()
    assert computed == [key]
    # Another process may still write the half state, so the whole one has a name of its own.
    assert lab.files("state-*.safetensors") == {key: states[key]}
    state = StageStore(str(lab.out / "stages")).state(key)
    assert state is not None
    assert save(dict(state)) == states[key]
    assert lab.run().executed == 0
    assert lab.tables["accuracy"] == tables["accuracy"]


@pytest.mark.parametrize("harm", [damage, cut, Path.unlink])
@pytest.mark.parametrize("levels", [1, 2])
def test_a_damaged_ancestor_is_set_aside_and_computed_anew(
    lab: Lab, computed: list[str], levels: int, harm: Callable[[Path], None]
) -> None:
    lab.ask("[ewc]", benchmark=permuted_benchmark()).run()
    keys, tables, states = list(computed), lab.tables, lab.files("state.safetensors")
    shutil.rmtree(lab.out / "stages" / keys[3][:2] / keys[3])
    harmed = keys[3 - levels : 3]
    for key in harmed:
        harm(lab.out / "stages" / key[:2] / key / "state.safetensors")
    computed.clear()
    progress = lab.run()
    assert computed == keys[3 - levels :]
    assert (progress.running, progress.to_go, progress.trials_done) == (0, 0, 1)
    assert lab.files("state.safetensors") == states
    assert lab.tables["accuracy"] == tables["accuracy"]
    aside = {
        path.parent.name.partition("-")[0] for path in lab.out.glob("stages/damaged/*/record.json")
    }
    assert aside == set(harmed)


# --- law 4: results depend on neither slots nor order (Ray itself: tests/cluster) ----------------


@dataclass
class Scrambled:
    """A backend whose `slots` running stages finish in a random order."""

    room: int
    seed: int

    def compute(self, client, sweep, store, observe, brake):  # type: ignore[no-untyped-def]
        self._store, self._random = store, np.random.default_rng(self.seed)
        self._orders: list[StageOrder] = []
        drive(client, self, observe, brake)

    def slots(self) -> int:
        return self.room

    def submit(self, order: StageOrder) -> None:
        self._orders.append(order)

    def wait(self) -> list[Event]:
        order = self._orders.pop(self._random.integers(len(self._orders)))
        return [compute_order(order, self._store)]


def test_results_do_not_depend_on_slots_or_order(make_lab) -> None:
    one, *others = (
        make_lab().ask(FOUR, benchmark=permuted_benchmark("task", 2), seeds="[0, 1]")
        for _ in range(3)
    )
    one.run()
    for other, slots, seed in zip(others, (2, 99), (2, 4), strict=True):
        other.run(Scrambled(slots, seed))
        assert other.tables["accuracy"] == one.tables["accuracy"]
        assert other.files("state.safetensors") == one.files("state.safetensors")


# --- law 5: results are a pure function of sweep and store ---------------------------------------


def test_deleted_tables_are_rebuilt_byte_for_byte(lab: Lab, computed: list[str]) -> None:
    lab.ask(FOUR, seeds="[0, 1]").run()
    tables = lab.tables
    shutil.rmtree(lab.out / "lab")
    computed.clear()
    lab.run()
    assert computed == []
    assert lab.tables == tables
    assert tables.keys() == {"trials", "accuracy", "stages"}


@pytest.mark.parametrize(
    ("addition", "new"),
    [
        ({"methods": "[finetune, {name: ewc, lam: 1}, joint]"}, 2),
        ({"methods": "[finetune, {name: ewc, lam: {grid: [1, 10]}}]"}, 1),
        ({"seeds": "[0, 1]"}, 5),
    ],
    ids=["method", "value", "seed"],
)
def test_an_addition_computes_only_what_is_new(
    lab: Lab, computed: list[str], addition: dict[str, str], new: int
) -> None:
    first = {"methods": "[finetune, {name: ewc, lam: 1}]"}
    lab.ask(**first).run()
    before = set(computed)
    lab.ask(**(first | addition)).run()
    assert len(computed) - len(before) == new
    assert len(set(computed)) == len(computed)


def test_a_further_task_adds_its_stage_and_scores_the_earlier_states_on_it(
    lab: Lab, make_lab, computed: list[str]
) -> None:
    lab.ask("[ewc]", benchmark=permuted_benchmark(num_tasks=2)).run()
    two, states = lab.tables, lab.files("state.safetensors")
    computed.clear()
    lab.ask("[ewc]", benchmark=permuted_benchmark(num_tasks=3)).run()
    assert len(computed) == 1
    assert states.items() <= lab.files("state.safetensors").items()
    assert len(lab.files("evaluation-*.json")) == 3
    whole = make_lab().ask("[ewc]", benchmark=permuted_benchmark(num_tasks=3))
    whole.run()
    assert lab.tables["accuracy"] == whole.tables["accuracy"]
    computed.clear()
    lab.ask("[ewc]", benchmark=permuted_benchmark(num_tasks=2)).run()
    assert computed == []
    assert lab.tables == two


def test_sequences_of_different_length_share_stages_in_one_sweep(
    lab: Lab, make_lab, computed: list[str]
) -> None:
    both = permuted_benchmark().replace("num_tasks: 3", "num_tasks: {grid: [2, 3]}")
    progress = lab.ask("[ewc]", benchmark=both).run()
    assert len(computed) == progress.executed == 4
    assert (progress.shared, progress.to_go, progress.trials_done) == (3, 0, 2)
    assert lab.run().executed == 0


# --- law 7: what is left out of a key cannot change the stage ------------------------------------


INERT = [
    (name, field) for name, cls in METHODS.items() for field in sorted(cls.inert_on_first_task)
]


def chain_with(name: str, **changes: object) -> tuple[Stage, ...]:
    cls = METHODS[name]
    benchmark = Benchmark(
        name="permuted_digits", scenario=sorted(cls.scenarios)[0], num_tasks=2, samples_per_task=32
    )
    config = cls.Config(**changes)
    return build_stages(
        benchmark,
        create_component("network", "mlp", MLP.Config(hidden=(8,))),
        Training(batch_size=16),
        create_component("method", name, config),
        seed=0,
    )


@cache
def first_stage(name: str) -> tuple[State, State, Record]:
    """Return the states of a method before and after its first task, and the latter's record."""
    stages, trial = chain_with(name), ("lab", "trial", 0)
    start, _ = run_stage(stages[0], None, trial)
    state, record = run_stage(stages[1], start, trial)
    assert start is not None
    assert state is not None
    return start, state, record


@pytest.mark.parametrize(("name", "field"), cases(INERT))
def test_two_values_of_an_inert_hyperparameter_give_the_same_first_stage(
    name: str, field: str
) -> None:
    other = getattr(change_hyperparameter(METHODS[name].Config(), field), field)
    one, two = chain_with(name), chain_with(name, **{field: other})
    assert one[1].key == two[1].key
    assert one[2].key != two[2].key
    start, state, record = first_stage(name)
    same, twin = run_stage(two[1], start, ("lab", "trial", 0))
    assert state.keys() == same.keys()
    assert all(torch.equal(state[entry], same[entry]) for entry in state)
    assert record.evaluation == twin.evaluation
