"""Averaged GEM: the projection by hand, and when nothing is done."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import nn

from methods.agem import AGEM
from methods.base import Config
from methods.finetune import Finetune
from methods.parts.episodic import Gradients
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

PARAMETERS = 16 * 12 + 12 + 12 * 6 + 6
FLOPS = 2 * (2 * 16 * 12 + 3 * 12 * 6)


def agem(scenario="class", **config):
    return Blobs(AGEM, AGEM.Config(**config), scenario)


def begin_third_task(blobs):
    """A method within task 3, before its first step, and a batch."""
    *_, last = islice(snapshots(blobs), 2)
    method, view = blobs.restore(last.state, num_learned=2), blobs.view(3)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def gradient(method, loss):
    gradients = torch.autograd.grad(loss, list(method.network.parameters()))
    return torch.cat([t.flatten() for t in gradients])


def test_two_gradients_in_the_plane_by_hand():
    """g = (1, -2) and r = (0, 4): <g, r> = -8, <r, r> = 16, so g + r / 2 = (1, 0) is left."""
    network = nn.Linear(2, 1, bias=False)
    network.weight.grad = torch.tensor([[1.0, -2.0]])
    gradients = Gradients(network)
    gradients.take([lambda: (network.weight * torch.tensor([[0.0, 4.0]])).sum()])
    assert gradients.products().tolist() == [[5.0, -8.0], [-8.0, 16.0]]
    gradients.move(torch.tensor([0.5]))
    assert network.weight.grad.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("policy", ["ring", "class_balanced"])
@pytest.mark.parametrize("replay_batch_size", [None, 7, 1000])
def test_a_step_s_gradient_loses_what_raises_the_loss_of_a_batch_of_the_past(
    policy, replay_batch_size
):
    blobs = agem(memory_size=30, policy=policy, replay_batch_size=replay_batch_size)
    method, view = begin_third_task(blobs)
    past, batch = (20 if policy == "ring" else 30), view.examples[10:30]
    count = replay_batch_size or len(batch)
    rows = torch.randperm(past, generator=view.stream("replay"))[:count]
    r = gradient(method, method.task_loss(method.memory[rows]))
    g = gradient(method, method.task_loss(batch))
    assert g @ r < 0
    method.loss(batch).backward()
    method.after_backward()
    actual = torch.cat([p.grad.flatten() for p in method.network.parameters()])
    assert torch.allclose(actual, g - (g @ r) / (r @ r) * r, rtol=1e-4, atol=1e-6)
    assert abs(actual @ r) <= 1e-5 * actual.norm() * r.norm()


def test_with_less_strength_it_loses_that_share_of_it():
    method, view = begin_third_task(agem(memory_size=30, strength=0.25, replay_batch_size=20))
    rows = torch.randperm(30, generator=view.stream("replay"))[:20]
    r = gradient(method, method.task_loss(method.memory[rows]))
    g = gradient(method, method.task_loss(view.examples[10:30]))
    assert g @ r < 0
    method.loss(view.examples[10:30]).backward()
    method.after_backward()
    actual = torch.cat([p.grad.flatten() for p in method.network.parameters()])
    assert torch.allclose(actual, g - 0.25 * (g @ r) / (r @ r) * r, rtol=1e-4, atol=1e-6)


def test_a_strength_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match=r"strength must be in \[0, 1\], given 1.5"):
        agem(strength=1.5)


def test_without_a_violation_the_gradient_is_the_batch_s_to_the_last_bit():
    method, _ = begin_third_task(agem(memory_size=30, replay_batch_size=1000))
    batch = method.memory[:30]
    method.loss(batch).backward()
    plain = [p.grad.clone() for p in method.network.parameters()]
    method.after_backward()
    assert all(map(torch.equal, plain, (p.grad for p in method.network.parameters())))


def test_a_past_gradient_of_zero_changes_nothing(monkeypatch):
    method, view = begin_third_task(agem(memory_size=30))
    method.loss(view.examples[:10]).backward()
    plain = [p.grad.clone() for p in method.network.parameters()]
    monkeypatch.setattr(method, "task_loss", lambda batch: (0 * method.network.head.bias).sum())
    method.after_backward()
    assert all(map(torch.equal, plain, (p.grad for p in method.network.parameters())))


class SameAgain(Blobs):
    """Every task is the first one."""

    def examples(self, index):
        return super().examples(1)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_with_no_violation_it_is_fine_tuning_bit_for_bit(monkeypatch, batch_norm):
    """All tasks are one, so that no step of this run raises the loss of a past task."""
    products, measure = [], Gradients.products
    monkeypatch.setattr(
        Gradients, "products", lambda g: products.append(measure(g)) or products[-1]
    )
    plain = snapshots(SameAgain(Finetune, Config(), "domain", batch_norm))
    guarded = snapshots(SameAgain(AGEM, AGEM.Config(), "domain", batch_norm))
    names = list(dict(SameAgain(AGEM, AGEM.Config(), "domain").create_method().named_parameters()))
    for one, other in zip(plain, guarded, strict=True):
        assert all(torch.equal(one.state[name], other.state[name]) for name in names)
    assert len(products) == 2 * 2 * 3
    assert min(float(p[0, 1]) for p in products) > 0


@pytest.mark.parametrize("policy", ["ring", "class_balanced"])
def test_one_task_alone_is_fine_tuning_bit_for_bit(policy):
    first = next(snapshots(Blobs(Finetune, Config(), "class")))
    second = next(snapshots(agem(policy=policy)))
    assert all(torch.equal(t, second.state[name]) for name, t in first.state.items())


@pytest.mark.parametrize(("policy", "counters"), [("ring", 3 * 8), ("class_balanced", 0)])
def test_storage_is_the_examples(policy, counters):
    *_, last = snapshots(agem(memory_size=30, policy=policy))
    assert storage_bytes(last.state, AGEM.storage)["buffer"] == 30 * (16 + 1) + counters


def test_flops_are_those_of_two_batches_and_four_products():
    blobs = agem(memory_size=30, replay_batch_size=None)
    *_, last = islice(snapshots(blobs), 2)
    method, meter = blobs.restore(last.state, num_learned=2), FlopMeter()
    train_task(method, blobs.view(3), Training(batch_size=16, lr=0.01), meter)
    assert meter.total == 3 * ((16 + 16) * FLOPS + 2 * 2 * 2 * PARAMETERS)


def test_by_default_the_reference_is_of_256_stored_examples_as_the_authors_is():
    method, view = begin_third_task(agem(memory_size=300))
    method.loss(view.examples[:5])
    stored = 2 * len(view.examples)
    assert len(method._rows) == min(256, stored) == stored
    assert AGEM.Config().replay_batch_size == 256


def test_batch_normalisation_also_counts_the_reference_batch():
    blobs = replace(agem(memory_size=30, replay_batch_size=9), batch_norm=True)
    method, view = begin_third_task(blobs)
    norm, batch = method.network.norm, view.examples[:12]
    mean, tracked = norm.running_mean.clone(), int(norm.num_batches_tracked)
    with torch.no_grad():
        rows = torch.randperm(30, generator=view.stream("replay"))[:9]
        for examples in (batch, method.memory[rows]):
            pixels = examples.x.float().flatten(1) / 255
            mean = 0.9 * mean + 0.1 * method.network.body(pixels).mean(dim=0)
    method.loss(batch).backward()
    method.after_backward()
    torch.testing.assert_close(norm.running_mean, mean)
    assert int(norm.num_batches_tracked) == tracked + 2
