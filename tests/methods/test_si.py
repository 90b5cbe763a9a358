"""Synaptic Intelligence: the path integral, what it makes important, and what is left out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from methods.base import Config, Outlook, TaskView
from methods.finetune import Finetune
from methods.parts.path import PathIntegral
from methods.si import SI
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task


class OneWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(1, 1, bias=False)
        self.head = nn.Identity()
        nn.init.constant_(self.body.weight, 1.0)

    def forward(self, x):
        return self.head(self.body(x))


TASK = TaskView(1, (0,), None, None, lambda purpose: stream(0, purpose))


def step(method, gradient, to):
    """A step of training with a gradient and a place of our own; returns the gradient it leaves."""
    weight = method.network.body.weight
    weight.grad = torch.full_like(weight, gradient)
    method.after_backward()
    with torch.no_grad():
        weight.fill_(to)
    method.after_step(None)
    return weight.grad.item()


def value(rows):
    return rows[0]["body.weight"].item()


def test_two_tasks_of_one_parameter_by_hand():
    method = SI(OneWeight(), SI.Config(c=3.0, xi=0.1), Outlook(1, (1, 1, 1)))
    method.begin_task(TASK)
    assert step(method, gradient=2.0, to=0.5) == 2.0  # nothing is held yet
    assert step(method, gradient=-1.0, to=0.8) == -1.0
    method.end_task(TASK)
    # omega = 2 * 0.5 + 1 * 0.3; it moved 0.2 in all.
    first = 1.3 / (0.2**2 + 0.1)
    assert value(method.importance) == pytest.approx(first)
    assert method.anchor == {}

    method.begin_task(replace(TASK, index=2))
    assert method.anchor["body.weight"].item() == pytest.approx(0.8)
    assert step(method, gradient=1.0, to=0.7) == 1.0  # still at the anchor
    assert step(method, gradient=1.0, to=1.1) == pytest.approx(1 + 2 * 3 * first * (0.7 - 0.8))
    method.end_task(TASK)
    # omega starts anew, without the penalty's gradient: 1 * 0.1 - 1 * 0.4; it moved 0.3.
    assert value(method.importance) == pytest.approx(first - 0.3 / (0.3**2 + 0.1))


def test_importance_never_falls_below_zero():
    method = SI(OneWeight(), SI.Config(), Outlook(1, (1, 1, 1)))
    method.begin_task(TASK)
    step(method, gradient=1.0, to=2.0)  # moved uphill
    method.end_task(TASK)
    assert value(method.importance) == 0


class Recorder(Finetune):
    """Adds up -g (theta' - theta) of all parameters by itself, in double precision."""

    def begin_task(self, task):
        by_name = self.network.named_parameters()
        self.start = {n: p.detach().double().clone() for n, p in by_name}
        self.omega = {n: torch.zeros_like(p) for n, p in self.start.items()}

    def after_backward(self):
        self.before = {
            n: (p.detach().double().clone(), p.grad.double().clone())
            for n, p in self.network.named_parameters()
        }

    def after_step(self, batch):
        for n, p in self.network.named_parameters():
            before, gradient = self.before[n]
            self.omega[n] -= gradient * (p.detach().double() - before)


@pytest.mark.parametrize(
    "training",
    [
        Training(epochs=3, batch_size=20, lr=0.01, weight_decay=0.1),
        Training(epochs=3, batch_size=20, lr=0.1, optimizer="sgd", momentum=0.9),
    ],
    ids=["adam", "momentum"],
)
def test_importance_is_measured_on_the_steps_the_optimiser_really_takes(training):
    si = Blobs(SI, SI.Config(xi=0.05, penalise_head=True), "class")
    method, plain = si.create_method(), Blobs(Recorder, Config(), "class").create_method()
    for each in (method, plain):
        train_task(each, si.view(1), training, FlopMeter())
    method.end_task(si.view(1))
    for name, p in plain.network.named_parameters():
        moved = p.detach().double() - plain.start[name]
        expected = (plain.omega[name] / (moved**2 + 0.05)).clamp_min(0)
        actual = method.importance[0][name].double()
        assert torch.allclose(actual, expected, rtol=1e-3, atol=1e-6 * expected.max().item()), name


def test_the_path_integral_of_small_steps_is_the_fall_of_the_loss():
    blobs = Blobs(SI, SI.Config(penalise_head=True), "class")
    method, view = blobs.create_method(), blobs.view(1)
    method.configure_loss(view.allowed)
    path = PathIntegral(dict(method.network.named_parameters()))
    optimizer = torch.optim.SGD(method.network.parameters(), lr=1e-3)
    first = method.task_loss(view.examples).item()
    for _ in range(200):
        optimizer.zero_grad()
        method.task_loss(view.examples).backward()
        path.note_gradients()
        optimizer.step()
        path.note_step()
    fall = first - method.task_loss(view.examples).item()
    assert sum(f.sum().item() for f in path.fall.values()) == pytest.approx(fall, rel=1e-2)


def test_the_loss_reported_is_the_tasks_and_the_gradient_has_the_penaltys_too():
    blobs = Blobs(SI, SI.Config(c=50.0), "class")
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    view = blobs.view(2)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    with torch.no_grad():
        method.network.body.weight.add_(0.1)
    batch = view.examples[:8]
    loss = method.loss(batch)
    assert torch.equal(loss, method.task_loss(batch))
    loss.backward()
    alone = method.network.body.weight.grad.clone()
    method.after_backward()
    pull = 2 * 50.0 * method.importance[0]["body.weight"] * 0.1
    assert torch.allclose(method.network.body.weight.grad - alone, pull, atol=1e-4)


def test_only_importance_depends_on_the_damping_on_the_first_task():
    low, high = (next(snapshots(Blobs(SI, SI.Config(xi=xi), "class"))).state for xi in (0.01, 1.0))
    for name in low:
        assert torch.equal(low[name], high[name]) != name.startswith("importance"), name
    assert low["importance.body/weight"].sum() > high["importance.body/weight"].sum()


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"c": -1.0}, "c must be at least 0 and finite, given -1.0"),
        ({"xi": 0.0}, "xi must be above 0 and finite, given 0.0"),
        ({"xi": float("nan")}, "xi must be above 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        SI.Config(**config)
