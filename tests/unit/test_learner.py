"""The one training loop and the one evaluation loop."""

import math
from dataclasses import replace
from itertools import chain

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import METHODS
from methods.base import Config, Examples, Method, Outlook, TaskView
from methods.freeze import Freeze
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.errors import Diverged
from orchestrator.networks.networks import allow_single_values
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.learning.updates import make_optimizer
from orchestrator.stages.scoring import score_examples

OUTLOOK = Outlook(3, (1, 1, 4))


class Linear(nn.Module):
    """Scores that are a linear function of four pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        with torch.no_grad():
            self.head.weight.copy_(torch.arange(12.0).reshape(3, 4).sin())
            self.head.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1) / 255)


class Diary(Method):
    """Fine-tuning that writes down what the loop calls."""

    def __init__(self, network: nn.Module | None = None) -> None:
        super().__init__(network or Linear(), Config(), OUTLOOK)
        self.calls: list[str] = []
        self.batches: list[list[int]] = []

    def begin_task(self, task: TaskView) -> None:
        self.calls.append("begin")

    def loss(self, batch: Examples) -> Tensor:
        self.calls.append("loss")
        self.batches.append(batch.x[:, 0, 0, 0].tolist())
        return self.task_loss(batch)

    def after_backward(self) -> None:
        self.calls.append("gradients" if self.network.head.weight.grad.any() else "none")

    def after_step(self, batch: Examples) -> None:
        self.calls.append("step")


def number_examples(count: int) -> Examples:
    """Return examples whose first pixel is their number."""
    x = torch.zeros(count, 1, 1, 4, dtype=torch.uint8)
    x[:, 0, 0, 0] = torch.arange(count)
    x[:, 0, 0, 1] = 255
    return Examples(x, torch.arange(count) % 3)


def view(count: int, allowed: Tensor | None = None, seed: int = 0) -> TaskView:
    return TaskView(
        1, (0, 1, 2), number_examples(count), allowed, lambda purpose: stream(seed, 1, purpose)
    )


def train(count: int, seed: int = 0, **training: object) -> tuple[Diary, int]:
    diary = Diary()
    train = train_task(diary, view(count, seed=seed), Training(**training), FlopMeter())
    return diary, train.samples


# Which batches


@pytest.mark.parametrize(
    ("training", "sizes"),
    [
        ({"epochs": 1, "batch_size": 4}, [4, 4, 2]),
        ({"epochs": 3, "batch_size": 4}, [4, 4, 2] * 3),
        ({"epochs": 2, "batch_size": 5}, [5, 5] * 2),
        ({"epochs": 2, "batch_size": 99}, [10] * 2),
        ({"iterations": 1, "batch_size": 4}, [4]),
        ({"iterations": 7, "batch_size": 4}, [4, 4, 2, 4, 4, 2, 4]),
        ({"iterations": 6, "batch_size": 4}, [4, 4, 2, 4, 4, 2]),
    ],
)
def test_epochs_and_iterations_say_how_many_batches_of_which_size(training, sizes):
    diary, samples = train(10, **training)
    assert [len(batch) for batch in diary.batches] == sizes
    assert samples == sum(sizes)


def test_each_epoch_meets_each_example_exactly_once_and_in_another_order():
    diary, _ = train(10, epochs=3, batch_size=4)
    epochs = [[*chain.from_iterable(diary.batches[i : i + 3])] for i in (0, 3, 6)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_order_is_drawn_from_the_task_s_own_stream_and_nothing_else():
    first, task = Diary(), view(10, seed=1)
    before = torch.random.get_rng_state()
    train_task(first, task, Training(epochs=2), FlopMeter())
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(5)
    assert train(10, seed=1, epochs=2)[0].batches == first.batches
    assert train(10, seed=2, epochs=2)[0].batches != first.batches


def test_iterations_run_through_the_same_order_as_epochs():
    by_epochs, _ = train(10, epochs=2, batch_size=4)
    by_iterations, _ = train(10, iterations=5, batch_size=4)
    assert by_iterations.batches == by_epochs.batches[:5]


# What happens in a step


def test_the_hooks_are_called_in_their_order():
    diary, _ = train(5, batch_size=3)
    assert diary.calls == ["begin", *["loss", "gradients", "step"] * 2]


def test_a_step_of_sgd_is_the_gradient_of_the_batch_s_mean_loss_times_the_rate():
    diary, reference = Diary(), Linear()
    data = number_examples(6)
    F.cross_entropy(reference(data.x), data.y).backward()
    train_task(diary, view(6), Training(optimizer="sgd", lr=0.5), FlopMeter())
    expected = reference.head.weight - 0.5 * reference.head.weight.grad
    assert torch.allclose(diary.network.head.weight, expected, atol=1e-6)


def test_outputs_that_may_not_compete_get_no_gradient():
    allowed = torch.zeros(3, 3, dtype=torch.bool)
    allowed[:, 0] = allowed[:, 1] = True
    diary, before = Diary(), Linear().head.weight
    data = view(6, allowed)
    data = replace(data, examples=Examples(data.examples.x, data.examples.y % 2))
    train_task(diary, data, Training(optimizer="sgd", lr=0.5, epochs=3), FlopMeter())
    after = diary.network.head.weight
    assert torch.equal(after[2], before[2])
    assert not torch.equal(after[:2], before[:2])


def test_frozen_parameters_are_left_alone_and_the_mode_is_training():
    diary = Diary()
    diary.eval()
    diary.network.head.bias.requires_grad_(False)
    train_task(diary, view(6), Training(lr=0.5), FlopMeter())
    assert diary.training
    assert not diary.network.head.bias.any()


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
        ("adam", torch.optim.Adam, {"weight_decay": 0.1}),
        ("adamw", torch.optim.AdamW, {"weight_decay": 0.1}),
    ],
)
def test_the_optimizer_is_the_one_named_with_what_was_given(name, kind, options):
    optimizer = make_optimizer(Diary(), Training(optimizer=name, lr=0.3, **options))
    assert type(optimizer) is kind
    assert {key: optimizer.defaults[key] for key in ("lr", *options)} == {"lr": 0.3, **options}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_weight_decay_alone_shrinks_a_weight_that_has_no_gradient(optimizer):
    diary = Diary()
    with torch.no_grad():
        diary.network.head.weight.fill_(1.0)
    training = Training(optimizer=optimizer, lr=0.1, weight_decay=0.5)
    train_task(diary, view(6), training, FlopMeter())
    unused = diary.network.head.weight[:, 3]  # its pixel is always 0
    # L2 is a gradient of 0.5, of which Adam keeps the sign; decoupled decay is a factor.
    expected = {"sgd": 1 - 0.1 * 0.5, "adam": 1 - 0.1, "adamw": 1 - 0.1 * 0.5}[optimizer]
    assert unused.tolist() == pytest.approx([expected] * 3, abs=1e-5)


# Divergence


def test_a_rate_far_too_high_is_called_diverged_with_the_task_and_the_place():
    with pytest.raises(Diverged, match="the loss of task 1 is not finite after 12 examples"):
        train_task(Diary(Overflowing()), view(12), Training(batch_size=4), FlopMeter())


class Overflowing(Linear):
    """Scores that are beyond float32."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * float("inf")


def test_one_loss_that_is_not_finite_is_not_made_up_for_by_those_after_it():
    class Once(Diary):
        def loss(self, batch: Examples) -> Tensor:
            first = not self.batches
            return super().loss(batch) * (float("nan") if first else 1.0)

    once = Once()
    once.after_backward = lambda: [p.grad.nan_to_num_(0.0) for p in once.parameters()]
    with pytest.raises(Diverged):
        train_task(once, view(12), Training(batch_size=4), FlopMeter())


# Evaluation


class Fixed(Method):
    """Scores that are read off the pixels."""

    def __init__(self) -> None:
        super().__init__(Linear(), Config(), OUTLOOK)
        self.tasks: list[int | None] = []

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        self.tasks.append(task)
        return x.flatten(1)[:, :3].float()


SCORES = torch.tensor([[3, 1, 2], [0, 5, 1], [9, 1, 8], [1, 2, 0]], dtype=torch.uint8)
TRUTH = torch.tensor([0, 1, 2, 0])  # right, right, wrong, wrong


def score_fixed(y: Tensor = TRUTH, allowed: list[bool] | None = None, task: int | None = None):
    x = F.pad(SCORES, (0, 1)).view(-1, 1, 1, 4)
    mask = None if allowed is None else torch.tensor(allowed)
    return score_examples(Fixed().predict, Examples(x, y), mask, task, FlopMeter())


def cross_entropy(row: list[float], label: int) -> float:
    return math.log(sum(math.exp(value) for value in row)) - row[label]


def test_accuracy_and_loss_are_those_worked_out_by_hand():
    score = score_fixed()
    assert (score.accuracy, score.n) == (0.5, 4)
    losses = [cross_entropy(SCORES[i].tolist(), int(TRUTH[i])) for i in range(4)]
    assert score.loss == pytest.approx(sum(losses) / 4, rel=1e-6)


def test_outputs_that_are_not_allowed_cannot_win():
    score = score_fixed(allowed=[True, False, True], y=torch.tensor([0, 2, 0, 0]))
    assert score.accuracy == 1.0
    rows, y = SCORES[:, [0, 2]].tolist(), [0, 1, 0, 0]
    expected = sum(cross_entropy(row, label) for row, label in zip(rows, y, strict=True)) / 4
    assert score.loss == pytest.approx(expected, rel=1e-6)


def test_classes_that_were_never_seen_score_nought_and_have_no_loss():
    score = score_fixed(allowed=[False, False, True], y=torch.tensor([0, 1, 0, 1]))
    assert (score.accuracy, score.loss, score.n) == (0.0, None, 4)


def test_where_some_classes_were_seen_accuracy_counts_and_the_loss_is_none():
    score = score_fixed(allowed=[True, True, False])
    assert (score.accuracy, score.loss) == (0.5, None)


def test_an_empty_split_has_no_accuracy():
    empty = Examples(torch.zeros(0, 1, 1, 4, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    score = score_examples(Fixed().predict, empty, None, None, FlopMeter())
    assert (score.accuracy, score.loss, score.n) == (None, None, 0)


@pytest.mark.parametrize("count", [1023, 1024, 1025, 2500])
def test_the_size_of_a_batch_of_evaluation_does_not_show(count):
    rows = torch.arange(count) % 4
    x = F.pad(SCORES, (0, 1)).view(-1, 1, 1, 4)[rows]
    score = score_examples(Fixed().predict, Examples(x, TRUTH[rows]), None, None, FlopMeter())
    right = sum(1 for row in rows.tolist() if row in (0, 1))
    assert (score.accuracy, score.n) == (right / count, count)
    losses = [cross_entropy(SCORES[i].tolist(), int(TRUTH[i])) for i in range(4)]
    assert score.loss == pytest.approx(sum(losses[row] for row in rows) / count, rel=1e-5)


@pytest.mark.parametrize("task", [None, 3])
def test_the_task_is_told_where_the_scenario_reveals_it_alone(task):
    method = Fixed()
    score_examples(method.predict, number_examples(3), None, task, FlopMeter())
    assert method.tasks == [task]


def test_evaluation_builds_no_graph_and_changes_no_parameter():
    diary = Diary()
    before = {name: tensor.clone() for name, tensor in diary.state_dict().items()}
    score_examples(diary.predict, number_examples(9), None, None, FlopMeter())
    assert all(torch.equal(diary.state_dict()[name], tensor) for name, tensor in before.items())
    assert all(parameter.grad is None for parameter in diary.parameters())


# Training's ranges


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("iterations", 0),
        ("batch_size", 0),
        ("num_threads", 0),
        ("lr", 0.0),
        ("lr", -0.1),
        ("lr", math.nan),
        ("lr", math.inf),
        ("momentum", -0.1),
        ("momentum", 1.0),
        ("momentum", math.nan),
        ("weight_decay", -0.1),
        ("weight_decay", math.nan),
        ("weight_decay", math.inf),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .*, given {value}$"):
        Training(optimizer="sgd", **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 0.9}, "momentum must be 0, since adam has no momentum, given 0.9"),
        (
            {"epochs": 2, "iterations": 5},
            "epochs must be left out when iterations is given, given 2",
        ),
    ],
)
def test_options_that_exclude_each_other_are_refused_together(options, message):
    with pytest.raises(ValueError, match=message):
        Training(**options)


def test_the_ends_of_the_ranges_are_allowed():
    assert Training(iterations=1, batch_size=1, num_threads=1, lr=1e-12, weight_decay=0.0)
    assert Training(optimizer="sgd", momentum=0.0)
    assert Training(optimizer="sgd", momentum=0.999)


@pytest.mark.parametrize("training", [Training(epochs=2), Training(iterations=5)])
def test_a_task_without_examples_is_over_at_once(training: Training) -> None:
    blobs = Blobs(Freeze, Freeze.Config(), "class")
    assert train_task(blobs.create_method(), blobs.view(1), training, FlopMeter()).samples > 0
    later = blobs.create_method()
    before = {name: tensor.clone() for name, tensor in later.state_dict().items()}
    assert train_task(later, blobs.view(2), training, FlopMeter()).samples == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in later.state_dict().items())


# A single value per channel


class Normalised(nn.Module):
    """A linear layer under batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.head = Linear().head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x.flatten(1) / 255))


def test_a_last_batch_of_one_example_is_normalised_by_the_running_statistics():
    diary = Diary(Normalised())
    train_task(diary, view(9), Training(batch_size=4, optimizer="sgd", lr=0.5), FlopMeter())
    assert [len(batch) for batch in diary.batches] == [4, 4, 1]
    assert diary.network.norm.training

    by_hand = Normalised()
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.5)
    for batch in diary.batches:
        examples = number_examples(9)[torch.tensor(batch)]
        by_hand.train(len(batch) > 1)
        optimizer.zero_grad()
        F.cross_entropy(by_hand(examples.x), examples.y).backward()
        optimizer.step()
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(diary.network.state_dict()[name], value)
    assert by_hand.norm.num_batches_tracked == 2


def test_nothing_of_the_allowance_for_single_examples_stays_behind():
    network = Normalised()
    with pytest.raises(RuntimeError, match="mat1 and mat2"), allow_single_values(network):
        network.head(network.norm(torch.ones(1, 4))[:, :3])
    assert network.norm.training
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.ones(1, 1, 1, 4))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("er", {"memory_size": 1}),
        ("der", {"memory_size": 1}),
        ("derpp", {"memory_size": 1}),
        ("gem", {"memory_size": 3}),
        ("agem", {"memory_size": 3, "policy": "ring"}),
        ("gdumb", {"memory_size": 7}),
        ("icarl", {"memory_size": 7}),
    ],
)
def test_a_memory_may_give_a_single_example_to_batch_normalisation(name, config):
    blobs = Blobs(METHODS[name], METHODS[name].Config(**config), "class", batch_norm=True)
    states = [after.state for after in snapshots(blobs)]
    assert len(states) == 3
    assert all(value.isfinite().all() for value in states[-1].values())
