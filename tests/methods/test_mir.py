"""MIR: which candidates are replayed, the step that is tried, and replay of all of them."""

from __future__ import annotations

import copy
from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from methods.er import ER
from methods.mir import MIR, virtual_step
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task


def mir(batch_norm=False, **config):
    return Blobs(MIR, MIR.Config(**config), "class", batch_norm)


def in_second_task(blobs):
    """A method that has met one task and begun the second, and its view."""
    (first,) = islice(snapshots(blobs), 1)
    method, view = blobs.restore(first.state, num_learned=1), blobs.view(2)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


@pytest.mark.parametrize(("virtual_lr", "rate"), [(None, 0.5), (2.0, 2.0)])
def test_those_are_replayed_whose_loss_the_step_on_the_batch_raises_most(virtual_lr, rate):
    blobs = mir(memory_size=30, replay_batch_size=5, candidates=20, virtual_lr=virtual_lr)
    method, view = in_second_task(blobs)
    method.learning_rate = 0.5
    batch = view.examples[:8]
    candidates = method.memory.sample(20, view.stream("replay"))
    stepped = copy.deepcopy(method.network)

    def losses(network):
        scores = network(candidates.x).masked_fill(~view.allowed[candidates.y], float("-inf"))
        return F.cross_entropy(scores, candidates.y, reduction="none")

    loss = method.loss(batch)
    with torch.no_grad():
        steps = torch.autograd.grad(loss, list(method.network.parameters()), retain_graph=True)
        for parameter, step in zip(stepped.parameters(), steps, strict=True):
            parameter.sub_(rate * step)
        rise = losses(stepped) - losses(method.network)
    loss.backward()
    chosen = method.choose(method.memory[method._rows], 5)
    worst = sorted(range(20), key=lambda i: -rise[i])[:5]
    assert torch.equal(chosen.x, candidates.x[sorted(worst)])
    assert torch.equal(chosen.y, candidates.y[sorted(worst)])


def test_the_gradient_is_that_of_the_batch_and_the_chosen_together():
    method, view = in_second_task(mir(memory_size=30, replay_batch_size=4))
    batch = view.examples[::8]
    method.loss(batch).backward()
    chosen = method.choose(method.memory[method._rows], 4)
    method.after_backward()
    actual = [p.grad.clone() for p in method.network.parameters()]
    together = method.task_loss(batch + chosen)
    expected = torch.autograd.grad(together, list(method.network.parameters()))
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_the_step_that_is_tried_is_taken_back_bit_for_bit():
    method, view = in_second_task(mir(batch_norm=True, memory_size=30, replay_batch_size=4))
    method.loss(view.examples[:9]).backward()
    before = {name: tensor.clone() for name, tensor in method.network.state_dict().items()}
    with virtual_step(method.network, 0.1):
        assert not torch.equal(method.network.body.weight, before["body.weight"])
    method.learning_rate = 0.1
    method.choose(method.memory[method._rows], 4)
    after = method.network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_without_a_choice_it_is_experience_replay():
    """As many candidates as are replayed: the same draws, and the same steps to rounding."""
    replay = Blobs(ER, ER.Config(memory_size=30, replay_batch_size=6), "class")
    chosen = mir(memory_size=30, replay_batch_size=6, candidates=6)
    for one, other in zip(snapshots(replay), snapshots(chosen), strict=True):
        for name, tensor in one.state.items():
            torch.testing.assert_close(tensor, other.state[name], atol=1e-5, rtol=1e-4)


def test_the_rate_tried_is_that_of_the_schedule(monkeypatch):
    method, view = in_second_task(mir(memory_size=30, replay_batch_size=4))
    rates = []
    monkeypatch.setattr(
        "methods.mir.virtual_step", lambda n, rate: rates.append(rate) or virtual_step(n, rate)
    )
    schedule = {"name": "multistep", "milestones": [1], "gamma": 0.1}
    training = Training(epochs=2, batch_size=24, optimizer="sgd", lr=0.2, schedule=schedule)
    train_task(method, view, training, FlopMeter())
    assert rates == pytest.approx([0.2, 0.2, 0.02, 0.02])
