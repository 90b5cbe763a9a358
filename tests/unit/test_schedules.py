"""The learning rate at each step, against lists worked out by hand and torch's own schedulers."""

from math import cos, pi, sqrt

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LinearLR, MultiStepLR, OneCycleLR

from methods.base import Config, Examples, Method, Outlook, TaskView
from orchestrator.networks.networks import MLP, NetworkShape, build_network
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.batches import task_span
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.learning.schedules import create_lr_scheduler

SHAPE = NetworkShape(input_shape=(1, 2, 2), num_classes=2, mean=(0.5,), std=(0.5,))
H = sqrt(0.5)


class Rates(Method):
    """Fine-tuning that notes the learning rate of each step."""

    def __init__(self) -> None:
        network = build_network(MLP, MLP.Config(hidden=(3,)), SHAPE, 0)
        super().__init__(network, Config(), Outlook(2, (1, 2, 2)))


def view(count: int = 8, index: int = 1) -> TaskView:
    pixels = torch.arange(count * 4).reshape(count, 1, 2, 2) * 7 % 255
    examples = Examples(pixels.to(torch.uint8), torch.arange(count) % 2)
    return TaskView(index, (0, 1), examples, None, lambda purpose: stream(0, index, purpose))


def rates(monkeypatch, tasks: int = 1, count: int = 8, **options: object) -> list[float]:
    """Return the rate of each step, of all tasks, on `count` examples in batches of 2."""
    taken: list[float] = []
    step = torch.optim.SGD.step

    def note_rate(self, *args):
        taken.append(self.param_groups[0]["lr"])
        return step(self, *args)

    training = Training(**{"optimizer": "sgd", "lr": 0.5, "batch_size": 2, **options})
    method = Rates()
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", note_rate)
        for index in range(1, tasks + 1):
            train_task(method, view(count, index), training, FlopMeter())
    return taken


# Four steps an epoch, rate 0.5.
BY_HAND = [
    ({"epochs": 2}, [0.5] * 8),
    ({"schedule": "cosine"}, [0.5, 0.25 * (1 + H), 0.25, 0.25 * (1 - H)]),
    (
        {"schedule": {"name": "cosine", "min_lr": 0.1}},
        [0.5, 0.1 + 0.2 * (1 + H), 0.3, 0.1 + 0.2 * (1 - H)],
    ),
    (
        {"epochs": 3, "schedule": {"name": "multistep", "milestones": [1, 2.5], "gamma": 0.1}},
        [0.5] * 4 + [0.05] * 6 + [0.005] * 2,
    ),
    (
        {"epochs": 2, "schedule": {"name": "exponential", "gamma": 0.0625}},
        [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625],
    ),
    (
        {"epochs": 2, "schedule": {"name": "constant", "warmup": 1}},
        [0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5],
    ),
    (
        {"epochs": 2, "schedule": {"name": "cosine", "warmup": 1}},
        [0.125, 0.25, 0.375, 0.5, 0.5, 0.25 * (1 + H), 0.25, 0.25 * (1 - H)],
    ),
    (
        {"epochs": 2, "schedule": {"name": "multistep", "warmup": 0.5, "milestones": [1]}},
        [0.25, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.05],
    ),
    (
        {"epochs": 2, "schedule": {"name": "exponential", "gamma": 0.0625, "warmup": 1.5}},
        [0.5 / 6, 1 / 6, 0.25, 1 / 3, 2.5 / 6, 0.5, 0.5, 0.25],
    ),
    (  # the rise ends at step 0.5 * 4 - 1 = 1, the fall at step 3
        {
            "schedule": {
                "name": "onecycle",
                "pct_start": 0.5,
                "div_factor": 5.0,
                "final_div_factor": 10.0,
                "anneal_strategy": "linear",
            }
        },
        [0.1, 0.5, 0.255, 0.01],
    ),
    (
        {"iterations": 5, "schedule": {"name": "multistep", "milestones": [3], "warmup": 2}},
        [0.25, 0.5, 0.5, 0.05, 0.05],
    ),
    (
        {"iterations": 3, "schedule": {"name": "exponential", "gamma": 0.5}},
        [0.5, 0.25, 0.125],
    ),
]


@pytest.mark.parametrize(("options", "expected"), BY_HAND)
def test_the_rate_of_each_step_is_that_worked_out_by_hand(options, expected, monkeypatch):
    assert rates(monkeypatch, **options) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "onecycle", "exponential"])
def test_a_schedule_begins_anew_with_each_task(schedule, monkeypatch):
    one = rates(monkeypatch, epochs=2, schedule=schedule)
    assert len(set(one)) == len(one) == 8
    assert rates(monkeypatch, 3, epochs=2, schedule=schedule) == one * 3


def test_an_epoch_of_a_schedule_has_the_steps_that_are_taken_without_the_last_short_batch(
    monkeypatch,
):
    schedule = {"name": "multistep", "milestones": [1]}
    dropped = rates(monkeypatch, count=9, epochs=2, schedule=schedule, drop_last=True)
    assert dropped == pytest.approx([0.5] * 4 + [0.05] * 4)
    kept = rates(monkeypatch, count=9, epochs=2, schedule=schedule)
    assert kept == pytest.approx([0.5] * 5 + [0.05] * 5)


def torch_rates(create, steps: int, lr: float = 0.5) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = create(optimizer)
    taken = []
    for _ in range(steps):
        taken.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return taken


TORCH = {
    "cosine": ({}, lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20)),
    "cosine to a least rate": (
        {"name": "cosine", "min_lr": 0.05},
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20, eta_min=0.05),
    ),
    "multistep": (
        {"milestones": [2, 4], "gamma": 0.3},
        lambda o: MultiStepLR(o, milestones=[8, 16], gamma=0.3),
    ),
    "exponential": ({"gamma": 0.4}, lambda o: lr_scheduler.ExponentialLR(o, gamma=0.4**0.25)),
    "constant": (
        {"warmup": 2},
        lambda o: LinearLR(o, start_factor=1 / 8, end_factor=1.0, total_iters=7),
    ),
    "onecycle": ({}, lambda o: OneCycleLR(o, max_lr=0.5, total_steps=20, cycle_momentum=False)),
    "onecycle, linear": (
        {"name": "onecycle", "anneal_strategy": "linear", "pct_start": 0.45, "div_factor": 3.0},
        lambda o: OneCycleLR(
            o,
            max_lr=0.5,
            total_steps=20,
            cycle_momentum=False,
            anneal_strategy="linear",
            pct_start=0.45,
            div_factor=3.0,
        ),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_schedules_are_those_of_torch(name):
    options, create = TORCH[name]
    training = Training(epochs=5, lr=0.5, batch_size=2, schedule={"name": name, **options})
    span = task_span(8, training)
    ours = [0.5 * training.read_schedule().factor(step, span) for step in range(span.steps)]
    assert ours == pytest.approx(torch_rates(create, 20), rel=1e-9)


@pytest.mark.parametrize("name", ["cosine", "exponential", "onecycle"])
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
@pytest.mark.parametrize("start", [0.0, 0.1, 0.5])
def test_however_few_steps_there_are_each_rate_is_positive_and_at_most_lr(name, steps, start):
    options = {"pct_start": start} if name == "onecycle" else {"warmup": start}
    training = Training(iterations=steps, lr=0.5, schedule={"name": name, **options})
    span = task_span(8, training)
    factors = [training.read_schedule().factor(step, span) for step in range(steps)]
    assert all(0 < factor <= 1 + 1e-12 for factor in factors)


def test_a_constant_rate_is_no_schedule_at_all():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    for schedule in ("constant", {"name": "constant"}, {"name": "constant", "warmup": 0}):
        training = Training(schedule=schedule)
        assert training == Training()
        assert (
            create_lr_scheduler(training.read_schedule(), optimizer, task_span(8, training)) is None
        )


def test_a_schedule_whose_factor_is_1_changes_no_bit():
    def weights(**options) -> torch.Tensor:
        method = Rates()
        train_task(method, view(), Training(epochs=2, batch_size=2, **options), FlopMeter())
        return torch.cat([p.detach().flatten() for p in method.parameters()])

    for name, more in (("multistep", {"milestones": [1]}), ("exponential", {})):
        assert torch.equal(weights(schedule={"name": name, "gamma": 1, **more}), weights())
    halved = {"name": "multistep", "milestones": [1], "gamma": 0.5}
    assert not torch.equal(weights(schedule=halved), weights())


def test_a_task_without_examples_needs_no_schedule():
    training = Training(epochs=2, schedule="onecycle")
    assert train_task(Rates(), view(0), training, FlopMeter()).samples == 0


def test_the_reference_of_the_cosine_holds_at_a_step_in_the_middle():
    training = Training(iterations=7, lr=2.0, schedule={"name": "cosine", "min_lr": 0.5})
    factor = training.read_schedule().factor(3, task_span(8, training))
    assert 2.0 * factor == pytest.approx(0.5 + 0.5 * (2.0 - 0.5) * (1 + cos(pi * 3 / 7)))


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (
            {"epochs": 10, "schedule": {"name": "multistep", "milestones": [5, 12]}},
            "schedule.milestones must be rising epochs between 0 and 10, the epochs of training, "
            "given [5.0, 12.0]",
        ),
        (
            {"iterations": 9, "schedule": {"name": "multistep", "milestones": [9]}},
            "schedule.milestones must be rising iterations between 0 and 9, the iterations of "
            "training, given [9.0]",
        ),
        (
            {"epochs": 10, "schedule": {"name": "cosine", "T_max": 20}},
            "schedule.T_max must be left out: a schedule is as long as the training, 10 epochs, "
            "given 20",
        ),
        (
            {"epochs": 2, "schedule": {"name": "exponential", "warmup": 2}},
            "schedule.warmup must be in [0, 2), less than the epochs of training, given 2.0",
        ),
        (
            {"schedule": {"name": "cosine", "min_lr": 0.001}},
            "schedule.min_lr must be in [0, 0.001), below lr, given 0.001",
        ),
        (
            {"schedule": {"name": "exponential", "gamma": "half"}},
            "schedule.gamma must be a finite number, given half",
        ),
        (
            {"schedule": {"name": "multistep", "milestones": [True]}},
            "schedule.milestones must be a finite number, given True",
        ),
        (
            {"schedule": {"name": "onecycle", "warmup": 0.5}},
            "schedule.warmup must be left out, since pct_start is the share of its own rise, given "
            "0.5",
        ),
        (
            {"schedule": {"name": "exponential", "gama": 0.5}},
            "schedule.gama: unknown option of exponential; did you mean 'gamma'? valid: gamma, "
            "warmup",
        ),
        (
            {"schedule": "cosin"},
            "schedule: unknown schedule 'cosin'; did you mean 'cosine'? valid: constant, cosine, "
            "exponential, multistep, onecycle, your_module:YourClass",
        ),
        (
            {"schedule": {"gamma": 0.5}},
            "schedule.name must be one of constant, cosine, exponential, multistep, onecycle, "
            "given None",
        ),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused_in_one_message(training, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        Training(**training)
    assert str(error.value) == message
