"""GDumb: a balanced memory, a fresh network, and nothing else."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice

import pytest
import torch
from torch import nn

from methods.base import Config, Outlook, TaskView
from methods.finetune import Finetune
from methods.gdumb import GDumb
from methods.testing.blobs import IMAGE, NUM_TASKS, Blobs
from methods.testing.snapshots import learn, snapshots
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

FLOPS = 2 * (2 * 16 * 12 + 3 * 12 * 6)


def gdumb(scenario="class", **config):
    return Blobs(GDumb, GDumb.Config(**config), scenario)


def begin_task(blobs, index):
    """A method that has just begun task `index`."""
    method = blobs.create_method()
    if index > 1:
        *_, last = islice(snapshots(blobs), index - 1)
        method = blobs.restore(last.state, num_learned=index - 1)
    view = blobs.view(index)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def test_the_memory_is_balanced_and_of_seen_examples():
    blobs = gdumb(memory_size=20)
    for after, snapshot in enumerate(snapshots(blobs), start=1):
        counts = Counter(snapshot.state["memory.y"].tolist())
        assert sum(counts.values()) == 20
        assert len(counts) == 2 * after
        assert max(counts.values()) - min(counts.values()) <= 1
        seen = torch.cat([blobs.examples(t).x for t in range(1, after + 1)]).flatten(1).tolist()
        assert all(x in seen for x in snapshot.state["memory.x"].flatten(1).tolist())


def test_a_task_is_trained_on_the_memory_alone():
    method, view = begin_task(gdumb(memory_size=20, passes=3), 2)
    shown = method.examples(view)
    assert torch.equal(shown.x, method.memory.x.repeat(3, 1, 1, 1))
    assert torch.equal(shown.y, method.memory.y.long().repeat(3))
    assert (
        train_task(method, view, Training(batch_size=16, epochs=2), FlopMeter()).samples == 2 * 60
    )


@pytest.mark.parametrize(("memory_size", "passes"), [(20, 3), (48, 1), (7, 7), (1000, 1)])
def test_by_default_it_trains_on_no_fewer_examples_than_the_task_has(memory_size, passes):
    method, view = begin_task(gdumb(memory_size=memory_size), 1)
    assert len(method.examples(view)) == passes * min(memory_size, 48)


def test_what_was_learned_outside_the_memory_does_not_matter():
    blobs = gdumb(memory_size=20)
    _, second, third = snapshots(blobs)
    method = blobs.restore(second.state, num_learned=2)
    for p in method.network.parameters():
        nn.init.constant_(p, 3.0)
    learn(method, blobs.view(3))
    assert all(torch.equal(t, method.state_dict()[name]) for name, t in third.state.items())


def test_with_room_for_everything_it_is_a_fresh_network_trained_on_everything():
    blobs = gdumb(memory_size=1000, passes=1)
    *_, last = snapshots(blobs)
    memory = blobs.restore(last.state, NUM_TASKS).memory
    method, view = begin_task(blobs, NUM_TASKS)
    plain = Finetune(method.network, Config(), Outlook(blobs.num_classes, IMAGE))
    everything = memory[: memory.filled]
    learn(plain, TaskView(NUM_TASKS, view.classes, everything, view.allowed, view.stream))
    assert len(everything) == NUM_TASKS * 48
    network = {n: t for n, t in last.state.items() if n.startswith("network.")}
    assert all(torch.equal(t, plain.state_dict()[name]) for name, t in network.items())


def test_where_classes_come_again_every_task_has_a_share():
    blobs = gdumb("domain", memory_size=30)
    *_, last = snapshots(blobs)
    values = last.state["memory.x"].flatten(1).tolist()
    for index in range(1, NUM_TASKS + 1):
        own = blobs.examples(index).x.flatten(1).tolist()
        assert sum(x in own for x in values) >= 6


def test_storage_is_the_examples():
    *_, last = snapshots(gdumb(memory_size=20))
    assert storage_bytes(last.state, GDumb.storage)["buffer"] == 20 * (16 + 1)


def test_flops_are_those_of_the_examples_trained_on():
    method, view = begin_task(gdumb(memory_size=32, passes=2), 2)
    meter = FlopMeter()
    train_task(method, view, Training(batch_size=16), meter)
    assert meter.total == 64 * FLOPS


def test_passes_below_one_are_refused():
    with pytest.raises(ValueError, match="passes must be at least 1 or left out, given 0"):
        GDumb.Config(passes=0)


def test_cutmix_and_a_cosine_are_options_of_its_training():
    blobs = gdumb(memory_size=12)
    method, view = blobs.create_method(), blobs.view(1)
    rates, shares = [], []
    loss = method.loss

    def record(batch):
        rates.append(method.learning_rate)
        shares.append(batch.share)
        return loss(batch)

    method.loss = record
    training = Training(
        epochs=2, batch_size=24, optimizer="sgd", lr=0.1, schedule="cosine", augment=["cutmix"]
    )
    train_task(method, view, training, FlopMeter())
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * k / 4)) for k in range(4)])
    assert all(share is not None and (share < 1).any() for share in shares)
