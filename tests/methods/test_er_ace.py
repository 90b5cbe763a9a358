"""ER-ACE: who competes with whom, and the limit of an empty memory."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from methods.base import Config, Examples
from methods.er_ace import ERACE
from methods.finetune import Finetune
from methods.parts.own_classes import absent_outputs
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots


def er_ace(scenario="class", **config):
    return Blobs(ERACE, ERACE.Config(**config), scenario)


def in_third_task(scenario="class"):
    """A method that has met two tasks and begun the third, and its view."""
    blobs = er_ace(scenario, memory_size=20)
    _, second = islice(snapshots(blobs), 2)
    method, view = blobs.restore(second.state, num_learned=2), blobs.view(3)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def test_a_batch_competes_among_its_classes_and_stored_examples_among_all_seen():
    method, view = in_third_task()
    batch = view.examples[:10]  # of class 4 alone
    batch = batch + view.examples[-6:]
    stored = method.memory.sample(16, view.stream("replay"))
    own, seen = method.network(batch.x)[:, 4:6], method.network(stored.x)[:, :6]
    expected = F.cross_entropy(own, batch.y - 4) + F.cross_entropy(seen, stored.y)
    torch.testing.assert_close(method.loss(batch), expected)


def test_a_batch_of_one_class_has_no_loss_of_its_own():
    method, view = in_third_task()
    batch = view.examples[:10]
    assert batch.y.unique().tolist() == [4]
    stored = method.memory.sample(10, view.stream("replay"))
    assert torch.equal(method.loss(batch), method.task_loss(stored))


def test_the_outputs_of_the_past_learn_from_stored_examples_alone():
    method, view = in_third_task()
    batch = view.examples[::4]
    loss = method.loss(batch) - method.task_loss(method.memory.sample(12, view.stream("replay")))
    loss.backward()
    norms = method.network.head.weight.grad.norm(dim=1)
    assert (norms[:4] < 1e-6).all()
    assert (norms[4:] > 1e-3).all()


def test_both_labels_of_a_mixture_compete():
    _, view = in_third_task()
    one = view.examples[:5]
    mixed = Examples(one.x, one.y, one.y + 1, torch.full((5,), 0.25))
    assert absent_outputs(mixed, 6).tolist() == [True] * 4 + [False] * 2


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_with_an_empty_memory_it_is_fine_tuning_bit_for_bit(scenario):
    class Forgetful(ERACE):
        def after_step(self, batch):
            """Store nothing."""

        def end_task(self, task):
            """Store nothing."""

    plain = snapshots(Blobs(Finetune, Config(), scenario))
    config = ERACE.Config(policy="class_balanced")
    empty = snapshots(Blobs(Forgetful, config, scenario))
    for one, other in zip(plain, empty, strict=True):
        assert all(torch.equal(tensor, other.state[name]) for name, tensor in one.state.items())
