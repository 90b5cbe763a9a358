"""Rates of the head and the body, and an optimiser that goes on from task to task."""

from dataclasses import replace

import pytest
import torch
from test_optimizers import mistakes_of, sweep_with

from methods import METHODS
from methods.testing.blobs import Blobs
from methods.testing.equality import unequal_entries
from orchestrator.errors import RepertoireError
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.learning.optimizer_state import KIND, STATE, KeptOptimizer
from orchestrator.stages.learning.schedules import Span, create_lr_scheduler
from orchestrator.stages.learning.updates import make_optimizer
from orchestrator.stages.run_stage import run_stage
from orchestrator.sweep.configuration import Configurations

BLOBS = Blobs(METHODS["finetune"], METHODS["finetune"].Config(), "class")


def train_one_task(**options):
    """Return the network's state after one task."""
    method = BLOBS.create_method()
    train_task(method, BLOBS.view(1), Training(batch_size=16, **options), FlopMeter())
    return {name: tensor.clone() for name, tensor in method.network.state_dict().items()}


# A rate each of the head and the body


def test_the_head_has_one_rate_and_all_else_the_other():
    hat = replace(BLOBS, method_class=METHODS["pnn"], config=METHODS["pnn"].Config(alpha=1.0))
    method = replace(hat, scenario="task").create_method()
    method.outside = torch.nn.Parameter(torch.zeros(2))
    rates = {"head": 0.5, "body": 0.1}
    groups = make_optimizer(method, Training(optimizer="sgd", lr=rates)).param_groups
    assert [group["lr"] for group in groups] == [0.1, 0.5]
    names = {p: name for name, p in method.named_parameters()}
    body, head = ([names[p] for p in group["params"]] for group in groups)
    assert head == ["network.head.weight", "network.head.bias"]
    assert body == ["outside", "network.body.weight", "network.body.bias"]


def test_a_step_of_each_group_is_its_rate_times_the_gradient():
    whole = {"optimizer": "sgd", "iterations": 1}
    start = BLOBS.create_method().network.state_dict()
    low, high = train_one_task(lr=0.1, **whole), train_one_task(lr=0.5, **whole)
    both = train_one_task(lr={"head": 0.5, "body": 0.1}, **whole)
    for name in start:
        assert torch.equal(both[name], (high if name.startswith("head") else low)[name])
        assert not torch.equal(both[name], start[name])


def test_every_group_follows_the_schedule_from_its_own_rate():
    method = BLOBS.create_method()
    schedule = {"name": "cosine", "min_lr": 0.05}
    training = Training(optimizer="sgd", lr={"head": 0.5, "body": 0.1}, schedule=schedule)
    optimizer = make_optimizer(method, training)
    scheduler = create_lr_scheduler(training.read_schedule(), optimizer, Span(0.1, 4, 4))
    rates = []
    for _ in range(4):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    # Half a cosine over 4 steps: 1, (2 + sqrt 2) / 4, 1/2, (2 - sqrt 2) / 4 of the way above 0.05.
    way = torch.tensor([1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4])
    assert rates == [pytest.approx([0.05 + 0.05 * w, 0.05 + 0.45 * w]) for w in way.tolist()]


def test_one_rate_for_both_is_the_number():
    same = Training(lr={"head": 0.1, "body": 0.1})
    assert same.content() == Training(lr=0.1).content()
    apart = Training(lr={"head": 0.1, "body": 1}).describe()
    assert (apart["lr.head"], apart["lr.body"], "lr" in apart) == (0.1, 1.0, False)


@pytest.mark.parametrize(
    ("training", "line"),
    [
        ("{lr: {head: 0.1}}", "training.lr.body: must be a rate"),
        ("{lr: {head: 0.1, body: 0}}", "training.lr.body: must be above 0 and finite, given 0"),
        ("{lr: {heads: 0.1, body: 1}}", "training.lr.heads: unknown group of parameters; did you"),
        ("{lr: {head: 1, body: a}}", 'training.lr.body: must be a number, given "a"'),
        ("{lr: fast}", "training.lr: must be a number, or keys and values, given"),
        (
            "{lr: {head: 0.1, body: 0.01}, schedule: {name: cosine, min_lr: 0.05}}",
            "training.schedule.min_lr: must be in [0, 0.01)",
        ),
    ],
)
def test_rates_that_cannot_be_are_refused_in_one_message(tmp_path, training, line):
    (mistake,) = mistakes_of(tmp_path, training)
    assert mistake.startswith(line)


def test_a_rate_of_a_group_is_searched_and_has_a_path(tmp_path):
    training = "{lr: {head: {loguniform: [0.01, 1]}, body: 0.05}}"
    (group,) = sweep_with(tmp_path, training, "search: {algorithm: random}\n").groups
    assert list(group.space) == ["training.lr.head"]
    trained = group.build_trial({"training.lr.head": 0.5}, (0,)).training
    assert trained.lr == {"body": 0.05, "head": 0.5}
    configurations = Configurations.from_sweep(sweep_with(tmp_path, "{lr: 0.1}"))
    trial = configurations.trial({"training.lr.head": 0.5})
    assert trial.training.lr == {"body": 0.1, "head": 0.5}


# An optimiser that is kept


def stages_of(folder, training, methods="[finetune]"):
    (trial,) = sweep_with(folder, training, methods=methods).trials
    return trial.stages(0)


def final_state(stages):
    state = None
    for stage in stages:
        state, _ = run_stage(stage, state, ("s", "t", 0))
    return state


OPTIMIZERS = {
    "adam": "{name: adam, amsgrad: true}",
    "sgd": "{name: sgd, momentum: 0.9}",
    "rmsprop": "{name: rmsprop, momentum: 0.5}",
    "adafactor": "adafactor",
    "nadam": "nadam",
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_kept_optimizer_is_one_that_was_never_stopped(optimizer):
    options = {"name": optimizer} if "{" not in optimizer else None
    given = options or dict(pair.split(": ") for pair in optimizer.strip("{}").split(", "))
    given = {k: (v == "true" if v in ("true", "false") else v) for k, v in given.items()}
    given |= {k: float(v) for k, v in given.items() if k == "momentum"}
    training = Training(batch_size=16, lr=0.01, optimizer=given, keep_optimizer=True)
    method, parent = BLOBS.create_method(), {}
    for index in (1, 2):
        trained = train_task(method, BLOBS.view(index), training, FlopMeter(), parent)
        parent = {**method.state_dict(), **trained.optimizer}
        method = BLOBS.restore(method.state_dict(), index)
    straight = BLOBS.create_method()
    optimizer_ = make_optimizer(straight, training)
    for index in (1, 2):
        view = BLOBS.view(index)
        straight.configure_loss(view.allowed)
        order = torch.randperm(len(view.examples), generator=view.stream("data order"))
        for rows in order.split(16):
            optimizer_.zero_grad()
            straight.loss(view.examples[rows]).backward()
            optimizer_.step()
    assert not unequal_entries(method.state_dict(), straight.state_dict())
    kept = KeptOptimizer(straight, optimizer_, training.optimizer_kind).capture()
    assert not unequal_entries(trained.optimizer, kept)


def test_a_chain_of_stages_carries_it_and_counts_it(tmp_path):
    training = "{batch_size: 16, keep_optimizer: true}"
    stages = stages_of(tmp_path, training)
    states = [run_stage(stages[0], None, ("s", "t", 0))[0]]
    for stage in stages[1:]:
        state, record = run_stage(stage, states[-1], ("s", "t", 0))
        states.append(state)
    kept = {name: t for name, t in state.items() if name.startswith(STATE)}
    num_parameters = sum(t.numel() for name, t in states[0].items())
    num_tensors = len(states[0])
    # Adam: two moments and a step count for each parameter, all of 4 bytes, and its name.
    expected = 4 * (2 * num_parameters + num_tensors) + len("adam")
    assert record.costs.storage["optimizer"] == expected
    assert storage_bytes(kept, {}) == {"optimizer": expected}
    steps = {int(t) for name, t in kept.items() if name.endswith("/step")}
    assert steps == {len(stages[1:]) * 2}  # 28 examples of each task in batches of 16
    fresh = final_state(stages_of(tmp_path, "{batch_size: 16}"))
    assert unequal_entries({n: t for n, t in state.items() if n in fresh}, fresh)


def test_it_starts_anew_where_a_parameter_changed_its_shape_or_the_optimizer_is_another():
    training = Training(batch_size=16, keep_optimizer=True)
    method = BLOBS.create_method()
    trained = train_task(method, BLOBS.view(1), training, FlopMeter())
    parent = {**method.state_dict(), **trained.optimizer}

    def steps(parent, training=training):
        learner = BLOBS.restore(method.state_dict(), 1)
        later = train_task(learner, BLOBS.view(2), training, FlopMeter(), parent)
        state = later.optimizer
        return {n.split("/")[0]: int(t) for n, t in state.items() if n.endswith("/step")}

    assert set(steps(parent).values()) == {6}
    grown = {**parent, "network.head.bias": torch.zeros(9)}
    numbers = steps(grown)
    assert numbers.pop(f"{STATE}.network.head.bias") == 3
    assert set(numbers.values()) == {6}
    assert set(steps(parent, replace(training, optimizer="adamw")).values()) == {3}
    assert bytes(parent[KIND].tolist()) == b"adam"


class Counting(torch.optim.SGD):
    """Keeps a Python number, and what cannot be carried."""

    keeps: object = 2

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["count"] = self.state[p].get("count", 0) + self.keeps


def test_numbers_are_carried_as_they_are_and_other_things_are_refused():
    method = BLOBS.create_method()
    optimizer = Counting(method.parameters(), lr=0.1)
    method.loss(BLOBS.view(1).examples).backward()
    optimizer.step()
    state = KeptOptimizer(method, optimizer, "counting").capture()
    assert {int(t) for n, t in state.items() if n.endswith("/count#")} == {2}
    for entries in optimizer.state.values():
        entries["count"] = "two"
    with pytest.raises(RepertoireError, match="keeps 'count', str"):
        KeptOptimizer(method, optimizer, "counting").capture()
