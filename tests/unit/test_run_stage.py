"""Running a stage: the next state, the row of R, the costs, and nothing left behind."""

import random  # noqa: TID251 - its state is looked at
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from alike import NEED_TOKENS, each_method, small_network

from methods import METHODS
from methods.base import Method
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest
from orchestrator.networks.networks import MLP, build_network
from orchestrator.seeding import seed_global_generators
from orchestrator.stages import measurement, switches
from orchestrator.stages import run_stage as module
from orchestrator.stages.build_stages import build_stages, network_shape
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.run_stage import State, evaluate_state, run_stage
from orchestrator.stages.stage import Stage

SPLIT = Benchmark(name="split_digits", samples_per_task=60)
NETWORK = create_component("network", "mlp", MLP.Config(hidden=(8,)))
TRAINING = Training(lr=0.01, batch_size=16)
FOR = ("sweep", "trial", 0)
STEP = 2 * (64 * 8 + 8 * 10 + 64 * 8 + 2 * 8 * 10)  # FLOPs of one example, forward and backward
FORWARD = 2 * (64 * 8 + 8 * 10)


def chain(
    name: str = "finetune",
    benchmark: Benchmark = SPLIT,
    training: Training = TRAINING,
    seed: int = 0,
    **config: object,
) -> tuple[Stage, ...]:
    method = create_component("method", name, find_class("method", name).Config(**config))
    network = small_network(name) if name in NEED_TOKENS else NETWORK
    return build_stages(benchmark, network, training, method, seed)


def run_all(steps: tuple[Stage, ...]) -> list[tuple[State, object]]:
    """Run stages in order, each from its parent's state."""
    outcome: dict[str, tuple[State, object]] = {}
    for step in steps:
        parent = None if step.parent is None else outcome[step.parent][0]
        outcome[step.key] = run_stage(step, parent, FOR)
    return [outcome[step.key] for step in steps]


def bits(state: State) -> str:
    by_name = sorted(state.items())
    return digest(
        "state", [[k, str(v.dtype), list(v.shape), v.numpy().tobytes().hex()] for k, v in by_name]
    )


def accuracies(record, benchmark: Benchmark, split: str = "test") -> list[float | None]:
    return [record.evaluation[key][split].accuracy for key in benchmark.task_keys()]


# Stage 0


def test_stage_0_is_the_fresh_network_scored_on_every_task():
    state, record = run_stage(chain()[0], None, FOR)
    fresh = build_network(MLP, NETWORK.config, network_shape(SPLIT), seed=0).state_dict()
    assert bits(state) == bits({f"network.{name}": tensor for name, tensor in fresh.items()})
    assert (record.costs.samples, record.costs.train_flops, record.costs.consolidate_flops) == (
        0,
        0,
        0,
    )
    assert record.costs.storage == {"model": 4 * (64 * 8 + 8 + 8 * 10 + 10)}
    assert record.evaluation.keys() == set(SPLIT.task_keys())
    for task in SPLIT.tasks():
        scores = record.evaluation[task.key]
        assert (scores["test"].n, scores["validation"].n) == (len(task.test), len(task.validation))
    assert record.costs.eval_flops == FORWARD * sum(
        len(task.test) + len(task.validation) for task in SPLIT.tasks()
    )


def test_stage_0_is_the_same_for_all_who_share_it(monkeypatch):
    threads = []
    scored = module.score_tasks
    monkeypatch.setattr(
        module,
        "score_tasks",
        lambda *given: threads.append(torch.get_num_threads()) or scored(*given),
    )
    task = replace(SPLIT, scenario="task")
    actual = [
        run_stage(chain(name, task, training)[0], None, FOR)
        for name in METHODS.keys() - NEED_TOKENS
        for training in (TRAINING, Training(num_threads=2, epochs=5))
    ]
    assert len({bits(state) for state, _ in actual}) == 1
    assert all(record.evaluation == actual[0][1].evaluation for _, record in actual)
    assert set(threads) == {1}


# Training


def test_a_record_says_what_the_stage_was_and_for_whom_it_was_computed():
    step = chain("ewc", lam=3.0)[1]
    _, record = run_all(chain("ewc", lam=3.0)[:2])[1]
    assert (record.key, record.parent, record.after) == (step.key, step.parent, 1)
    assert (record.status, record.story, record.computed_for) == ("complete", "", FOR)
    assert record.spec["method"]["lam"] == 3.0
    assert record.spec["training"]["lr"] == 0.01
    assert record.environment["torch"] == torch.__version__


def test_training_is_counted_in_examples_flops_bytes_and_seconds():
    _, record = run_all(chain(training=replace(TRAINING, epochs=3))[:2])[1]
    costs = record.costs
    assert costs.samples == 3 * 60
    assert costs.train_flops == 3 * 60 * STEP
    assert costs.consolidate_flops == 0
    assert costs.storage == {"model": 4 * (64 * 8 + 8 + 8 * 10 + 10)}
    assert min(costs.train_seconds, costs.eval_seconds, costs.cpu_seconds) > 0
    assert (costs.gpu_seconds, costs.device) == (0.0, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", each_method())
def test_flops_do_not_depend_on_what_the_process_ran_before(name, monkeypatch):
    scenario = min(METHODS[name].scenarios, key=["task", "class", "domain"].index)
    benchmark = replace(SPLIT, scenario=scenario, num_tasks=2, samples_per_task=20)

    def flops(seed: int) -> list[tuple[int, int]]:
        actual = [record.costs for _, record in run_all(chain(name, benchmark, seed=seed))]
        return [(costs.train_flops, costs.eval_flops) for costs in actual]

    flops(seed=1)
    shared = flops(seed=2)
    monkeypatch.setattr(measurement, "_FLOPS", {})
    assert flops(seed=2) == shared


def test_a_memory_and_a_penalty_are_charged_what_they_occupy():
    _, er = run_all(chain("er", memory_size=25)[:2])[1]
    assert er.costs.storage["buffer"] == 25 * (64 + 1) + 8
    _, ewc = run_all(chain("ewc")[:2])[1]
    assert ewc.costs.storage["importance"] == 4 * (64 * 8 + 8)
    assert ewc.costs.consolidate_flops > 0


def test_the_same_stage_run_twice_gives_the_same_bits_whatever_was_drawn_in_between():
    step = chain("er")[1]
    parent, _ = run_stage(chain("er")[0], None, FOR)
    first, record = run_stage(step, parent, FOR)
    torch.rand(17)
    second, again = run_stage(step, parent, ("other", "x", 9))
    assert bits(first) == bits(second)
    assert record.evaluation == again.evaluation
    assert again.computed_for == ("other", "x", 9)


def test_an_inert_hyperparameter_changes_no_bit_of_the_first_task_and_some_of_the_second():
    weak, strong = (run_all(chain("ewc", lam=lam)[:3]) for lam in (1.0, 1000.0))
    assert bits(weak[1][0]) == bits(strong[1][0])
    assert bits(weak[2][0]) != bits(strong[2][0])


def test_the_global_generator_and_the_number_of_threads_are_put_back_even_after_an_error():
    def around(step: Stage, parent: State | None) -> None:
        run_stage(step, parent, FOR)

    steps = chain(training=replace(TRAINING, num_threads=2))
    state, _ = run_stage(steps[0], None, FOR)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    around(steps[1], state)
    with pytest.raises(KeyError):
        around(steps[1], {})
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_a_parent_s_state_is_not_changed_by_its_child():
    steps = chain("er")
    parent, _ = run_stage(steps[0], None, FOR)
    before = bits(parent)
    child, _ = run_stage(steps[1], parent, FOR)
    run_stage(steps[2], child, FOR)
    assert bits(parent) == before


# Joint training


def test_joint_trains_a_fresh_network_on_all_seen_tasks_and_is_charged_for_keeping_them():
    records = run_all(chain("joint")[:4])
    assert [record.costs.samples for _, record in records] == [0, 60, 120, 180]
    assert [record.costs.storage.get("raw_data", 0) for _, record in records] == [
        0,
        60 * 65,
        120 * 65,
        180 * 65,
    ]


def test_joint_learns_the_same_bits_in_any_order_of_the_same_tasks():
    def train_in_order(order: tuple[int, ...]) -> str:
        steps = chain("joint", replace(SPLIT, order=order))
        first, _ = run_stage(steps[0], None, FOR)
        return bits(run_stage(steps[2], first, FOR)[0])

    assert train_in_order((1, 2, 3, 4, 5)) == train_in_order((2, 1, 5, 4, 3))


def test_a_method_that_trains_on_all_seen_tasks_is_shown_the_classes_of_all(monkeypatch):
    shown = []
    joint = METHODS["joint"]
    monkeypatch.setattr(joint, "begin_task", lambda self, task: shown.append(task.classes))
    for order in ((1, 2, 3, 4, 5), (2, 1, 3, 4, 5)):
        steps = chain("joint", replace(SPLIT, order=order))
        state, _ = run_stage(steps[0], None, FOR)
        run_stage(steps[2], state, FOR)
    assert shown == [(0, 1, 2, 3), (0, 1, 2, 3)]


# Divergence


def test_training_that_diverges_leaves_a_record_with_its_story_and_no_state():
    steps = chain(training=Training(optimizer="sgd", lr=1e30, epochs=3, batch_size=16))
    first, _ = run_stage(steps[0], None, FOR)
    state, record = run_stage(steps[1], first, FOR)
    assert state is None
    assert (record.status, record.evaluation) == ("diverged", {})
    assert record.story.startswith("the loss of task 1 is not finite after")
    assert record.costs.train_seconds > 0
    assert record.costs.storage == {}


def test_an_importance_that_is_not_finite_is_divergence_too(monkeypatch):
    def spoil(self: Method, task: object) -> None:
        with torch.no_grad():
            self.network.head.bias.fill_(float("nan"))

    monkeypatch.setattr(METHODS["finetune"], "end_task", spoil)
    steps = chain()
    first, _ = run_stage(steps[0], None, FOR)
    state, record = run_stage(steps[1], first, FOR)
    assert (state, record.status) == (None, "diverged")
    assert record.story == "network.head.bias is not finite after task 1"


# Scores


def by_hand(state: State, x: torch.Tensor, y: torch.Tensor, allowed: list[int]) -> float:
    """Return the accuracy of an MLP with one hidden layer, among some outputs."""
    network = build_network(MLP, NETWORK.config, network_shape(SPLIT), seed=9)
    network.load_state_dict({name.removeprefix("network."): t for name, t in state.items()})
    logits = network(x)
    mask = F.one_hot(torch.tensor(allowed), logits.shape[1]).sum(0).bool()
    return float((logits.masked_fill(~mask, -torch.inf).argmax(1) == y).double().mean())


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize(
    ("benchmark", "allowed"),
    [
        (SPLIT, lambda after, index: list(range(2 * after))),
        (replace(SPLIT, eval_mask="all"), lambda after, index: list(range(10))),
        (replace(SPLIT, scenario="task"), lambda after, index: [2 * index - 2, 2 * index - 1]),
    ],
    ids=["class", "class, all", "task"],
)
def test_accuracy_is_among_the_outputs_that_the_scenario_allows(benchmark, allowed, split):
    after = 2
    state, record = run_all(chain("finetune", benchmark)[: after + 1])[after]
    expected = []
    for task in benchmark.tasks():
        examples = getattr(task, split)
        expected.append(by_hand(state, examples.x, examples.y, allowed(after, task.index)))
    assert accuracies(record, benchmark, split) == pytest.approx(expected)


def test_unseen_classes_score_nought_under_the_mask_of_seen_ones_and_have_no_loss():
    _, record = run_all(chain()[:3])[2]
    assert accuracies(record, SPLIT)[2:] == [0.0, 0.0, 0.0]
    assert [record.evaluation[key]["test"].loss for key in SPLIT.task_keys()[2:]] == [None] * 3


def test_a_method_without_a_part_for_unseen_tasks_is_scored_on_them_at_stage_0_alone():
    task = replace(SPLIT, scenario="task")
    records = run_all(chain("independent", task)[:3])
    unscored = [[value is None for value in accuracies(record, task)] for _, record in records]
    assert unscored == [5 * [False], [False] + 4 * [True], 2 * [False] + 3 * [True]]
    sizes = [record.evaluation[task.task_keys()[4]]["test"].n for _, record in records]
    assert sizes == [len(task.tasks()[4].test)] * 3


def test_a_method_is_told_the_task_in_the_task_scenario_alone(monkeypatch):
    messages = []
    predict = Method.predict
    monkeypatch.setattr(
        Method, "predict", lambda self, x, task: messages.append(task) or predict(self, x, task)
    )
    for scenario, expected in (("task", {1, 2, 3, 4, 5}), ("domain", {None}), ("class", {None})):
        messages.clear()
        run_stage(chain("finetune", replace(SPLIT, scenario=scenario))[0], None, FOR)
        assert set(messages) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", each_method())
def test_a_stored_state_is_scored_as_it_was_when_it_was_fresh(name):
    steps = chain(name, replace(SPLIT, scenario="task"))[:3]
    state, record = run_all(steps)[2]
    some = steps[2].task_keys[1:4]
    assert evaluate_state(steps[2], state, some) == {key: record.evaluation[key] for key in some}


# What a stage finds and leaves in its process


def flip_switches(*_: object) -> None:
    """Do what a careless method may do to its process."""
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.autograd.set_detect_anomaly(True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True
    torch.set_autocast_enabled("cpu", True)
    torch.set_default_device("meta")
    torch.set_num_threads(3)
    np.seterr(all="raise")
    np.random.seed(7)  # noqa: TID251
    random.seed(7)


@pytest.fixture
def _switches_put_back():
    with switches.use_default_switches(), seed_global_generators(0):
        yield


def switch_values() -> list[object]:
    values = [switch.read() for switch in switches.SWITCHES]
    return [*values, torch.get_num_threads(), random.getstate(), list(np.random.get_state()[1])]


@pytest.mark.usefixtures("_switches_put_back")
def test_what_a_method_does_to_torch_s_switches_ends_with_its_stage(monkeypatch):
    steps, before = chain()[:2], switch_values()
    expected = [bits(state) for state, _ in run_all(steps)]
    with monkeypatch.context() as patch:
        patch.setattr(METHODS["finetune"], "end_task", flip_switches)
        with pytest.raises(NotImplementedError):  # its own evaluation finds no data on "meta"
            run_all(steps)
        assert switch_values() == before
    assert [bits(state) for state, _ in run_all(steps)] == expected


@pytest.mark.usefixtures("_switches_put_back")
def test_a_stage_does_not_depend_on_the_switches_of_its_process():
    steps = chain()[:2]
    expected = [bits(state) for state, _ in run_all(steps)]
    flip_switches()
    flipped = switch_values()
    assert [bits(state) for state, _ in run_all(steps)] == expected
    assert switch_values() == flipped
    torch.set_num_threads(1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine's torch can use a GPU")
def test_a_gpu_that_torch_cannot_use_is_said_in_a_sentence():
    state, _ = run_stage(chain()[0], None, FOR)
    with pytest.raises(RepertoireError, match=r"given a GPU.*resources\.gpus: 0"):
        run_stage(chain()[1], state, FOR, device="cuda")
    with pytest.raises(RepertoireError, match="given a GPU"):
        evaluate_state(chain()[0], state, SPLIT.task_keys(), device="cuda")
