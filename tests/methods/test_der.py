"""Dark experience replay and DER++: their losses, what is stored and when, their limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from methods.base import Config, Examples, Outlook
from methods.der import DER
from methods.derpp import DERPP
from methods.finetune import Finetune
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from orchestrator.networks.networks import MLP, NetworkShape, build_network
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

FLOPS = 2 * (2 * 16 * 12 + 3 * 12 * 6)


def der(method=DER, scenario="class", **config):
    return Blobs(method, method.Config(**config), scenario)


def begin_second_task(blobs):
    """A method within task 2, before its first step, and its view."""
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    view = blobs.view(2)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def cross_entropy(method, view, examples):
    logits = method.network(examples.x)
    logits = logits.masked_fill(~view.allowed[examples.y], float("-inf"))
    return F.cross_entropy(logits, examples.y)


def distance(method, rows):
    """The mean over examples of the mean over all outputs, whichever may compete."""
    memory = method.memory
    return ((method.network(memory.x[rows]) - memory.logits[rows]) ** 2).sum() / (len(rows) * 6)


def test_der_adds_the_distance_to_the_outputs_stored():
    method, view = begin_second_task(der(memory_size=30, alpha=0.3))
    batch = view.examples[:10]
    rows = torch.randperm(30, generator=view.stream("replay"))[:10]
    expected = cross_entropy(method, view, batch) + 0.3 * distance(method, rows)
    assert distance(method, rows) > 0
    assert torch.allclose(method.loss(batch), expected)


def test_derpp_adds_the_labels_of_a_second_independent_draw():
    method, view = begin_second_task(der(DERPP, memory_size=30, alpha=0.3, beta=0.7))
    batch, generator = view.examples[:10], view.stream("replay")
    first, second = (torch.randperm(30, generator=generator)[:10] for _ in range(2))
    assert first.tolist() != second.tolist()
    expected = (
        cross_entropy(method, view, batch)
        + 0.3 * distance(method, first)
        + 0.7 * cross_entropy(method, view, method.memory[second])
    )
    assert torch.allclose(method.loss(batch), expected)


def test_derpp_without_beta_is_der_and_without_alpha_it_replays_labels_alone():
    dark, both = (der(m, memory_size=30, **c) for m, c in ((DER, {}), (DERPP, {"beta": 0.0})))
    for one, other in zip(snapshots(dark), snapshots(both), strict=True):
        assert all(torch.equal(t, other.state[name]) for name, t in one.state.items())
    method, view = begin_second_task(der(DERPP, memory_size=30, alpha=0.0, beta=0.7))
    batch = view.examples[:10]
    rows = torch.randperm(30, generator=view.stream("replay"))[:10]
    expected = cross_entropy(method, view, batch)
    expected = expected + 0.7 * cross_entropy(method, view, method.memory[rows])
    assert torch.allclose(method.loss(batch), expected)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_logits_are_those_of_the_step_in_which_an_example_was_seen(batch_norm):
    blobs = Blobs(DER, DER.Config(memory_size=1000), "class", batch_norm)
    method, view = blobs.create_method(), blobs.view(1)
    outputs = []
    forward = method.network.forward
    method.network.forward = lambda x: outputs.append(forward(x)) or outputs[-1]
    train_task(method, view, Training(batch_size=20, lr=0.1, epochs=2), FlopMeter())
    method.end_task(view)
    # Each step asks about its batch, then about what is replayed; the first replays nothing.
    first_pass = torch.cat([outputs[0], outputs[1], outputs[3]])
    assert torch.equal(method.memory.logits, first_pass.detach())
    assert not method.memory.logits.requires_grad


def test_the_reservoir_is_filled_in_the_first_epoch_only():
    blobs = der(memory_size=1000)
    *_, last = snapshots(blobs)
    assert len(last.state["memory.y"]) == int(last.state["memory.offered"]) == 3 * 48


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
@pytest.mark.parametrize(
    ("method", "strengths"), [(DER, {"alpha": 0.0}), (DERPP, {"alpha": 0.0, "beta": 0.0})]
)
def test_without_strength_it_is_fine_tuning_bit_for_bit(method, strengths, scenario, batch_norm):
    plain = Blobs(Finetune, Config(), scenario, batch_norm)
    weak = Blobs(method, method.Config(memory_size=20, **strengths), scenario, batch_norm)
    for one, other in zip(snapshots(plain), snapshots(weak), strict=True):
        for name, tensor in one.state.items():
            assert torch.equal(tensor, other.state[name]), name


@pytest.mark.parametrize("method", [DER, DERPP])
def test_the_loss_of_the_first_task_rises_less_than_with_fine_tuning(method):
    losses = {}
    for blobs in (Blobs(Finetune, Config(), "class"), der(method, memory_size=100)):
        *_, last = snapshots(replace(blobs, epochs=15))
        loss = F.cross_entropy(last.scores[1], blobs.examples(1).y)
        losses[blobs.method_class] = float(loss)
    assert losses[method] < losses[Finetune] / 2


@pytest.mark.parametrize("method", [DER, DERPP])
def test_storage_is_images_labels_and_logits_to_the_byte(method):
    shape = NetworkShape((1, 28, 28), 10, (0.5,), (0.5,))
    network = build_network(MLP, MLP.Config(), shape, seed=0)
    model = method(network, method.Config(memory_size=60), Outlook(10, (1, 28, 28)))
    x = torch.randint(256, (100, 1, 28, 28), generator=stream(0, "x")).to(torch.uint8)
    model.memory.resize(60)
    model.memory.offer(Examples(x, torch.arange(100) % 10), stream(0, "u"), torch.ones(100, 10))
    sizes = storage_bytes(model.state_dict(), method.storage)
    assert sizes == {"model": 1_913_640, "buffer": 60 * (784 + 1 + 4 * 10) + 8}


@pytest.mark.parametrize(("method", "draws"), [(DER, 1), (DERPP, 2)])
def test_flops_are_those_of_the_batch_and_of_each_draw(method, draws):
    blobs = der(method, memory_size=30)
    restored = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    meter = FlopMeter()
    train_task(restored, blobs.view(2), Training(batch_size=16, lr=0.01), meter)
    assert meter.total == 3 * 16 * (1 + draws) * FLOPS


@pytest.mark.parametrize(
    ("method", "config", "story"),
    [
        (DER, {"alpha": -1.0}, "alpha must be at least 0 and finite, given -1.0"),
        (DERPP, {"alpha": float("inf")}, "alpha must be at least 0 and finite, given inf"),
        (DERPP, {"beta": -0.5}, "beta must be at least 0 and finite, given -0.5"),
        (DERPP, {"replay_batch_size": 0}, "replay_batch_size must be at least 1"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(method, config, story):
    with pytest.raises(ValueError, match=story):
        method.Config(**config)


@pytest.mark.parametrize(("offered", "count"), [("once", 48), ("every_epoch", 3 * 48)])
def test_the_reservoir_is_offered_each_example_once_or_in_every_epoch(offered, count):
    blobs = der(memory_size=100, offered=offered)
    method, view = blobs.create_method(), blobs.view(1)
    train_task(method, view, Training(epochs=3, batch_size=20, lr=0.01), FlopMeter())
    method.end_task(view)
    assert int(method.memory.offered) == count
    assert len(method.memory.y) == min(100, count)


def test_an_example_that_is_offered_again_comes_with_its_new_logits():
    """All of three epochs is stored: each image three times, with other logits each time."""
    blobs = der(memory_size=1000, offered="every_epoch")
    method, view = blobs.create_method(), blobs.view(1)
    train_task(method, view, Training(epochs=3, batch_size=20, lr=0.1), FlopMeter())
    method.end_task(view)
    images, times = method.memory.x.flatten(1).unique(dim=0, return_counts=True)
    assert len(images) == 48
    assert (times == 3).all()
    same = (method.memory.x == method.memory.x[0]).flatten(1).all(dim=1)
    assert len(method.memory.logits[same].unique(dim=0)) == 3
