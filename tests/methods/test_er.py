"""Experience replay: what a step learns from, and the limit of a memory for everything."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from methods.base import Config, Examples, Setting
from methods.er import ER
from methods.er_ace import ERACE
from methods.finetune import Finetune
from methods.parts.rehearsal import Rehearsal, RehearsalConfig
from methods.parts.ring import RingMemory
from methods.testing import assert_conforms
from methods.testing.blobs import IMAGE, NUM_TASKS, Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

EXAMPLES_PER_TASK = 48


def er(scenario="class", **config):
    return Blobs(ER, ER.Config(**config), scenario)


def after_first_task(**config):
    """A method that has met task 1 and begun task 2."""
    blobs = er(**config)
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    view = blobs.view(2)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


@pytest.mark.parametrize(("replay_batch_size", "drawn"), [(None, 10), (4, 4), (1000, 30)])
def test_the_loss_is_the_mean_over_new_and_drawn_examples_together(replay_batch_size, drawn):
    method, view = after_first_task(memory_size=30, replay_batch_size=replay_batch_size)
    batch = view.examples[:10]
    replayed = method.memory.sample(drawn, view.stream("replay"))
    assert len(replayed) == drawn
    both = Examples(torch.cat((batch.x, replayed.x)), torch.cat((batch.y, replayed.y)))
    logits = method.network(both.x).masked_fill(~view.allowed[both.y], float("-inf"))
    expected = F.cross_entropy(logits, both.y, reduction="sum") / (10 + drawn)
    assert torch.allclose(method.loss(batch), expected)


def test_class_balanced_replay_begins_with_the_second_task():
    plain = next(snapshots(Blobs(Finetune, Config(), "class"))).state
    first = next(snapshots(er(memory_size=10, policy="class_balanced"))).state
    assert all(torch.equal(tensor, first[name]) for name, tensor in plain.items())


@pytest.mark.parametrize("policy", ["reservoir", "class_balanced"])
@pytest.mark.parametrize("memory_size", [1, 13, 10_000])
def test_storage_is_the_examples_really_held(policy, memory_size):
    for snapshot in snapshots(er(memory_size=memory_size, policy=policy)):
        rows = min(memory_size, EXAMPLES_PER_TASK * snapshot.after)
        counter = 8 if policy == "reservoir" else 0
        sizes = storage_bytes(snapshot.state, ER.storage)["buffer"]
        assert sizes == rows * (16 + 1) + counter


@pytest.mark.parametrize("policy", ["reservoir", "class_balanced"])
def test_a_memory_with_room_for_everything_holds_everything_seen(policy):
    blobs = er(memory_size=10_000, policy=policy)
    *_, last = snapshots(blobs)
    seen = torch.cat([blobs.examples(t).x.flatten(1) for t in range(1, NUM_TASKS + 1)]).tolist()
    assert sorted(last.state["memory.x"].flatten(1).tolist()) == sorted(seen)


def accuracy(blobs):
    """Mean accuracy over all tasks after the last."""
    *_, last = snapshots(replace(blobs, epochs=15))
    right = [
        (last.scores[t].argmax(dim=1) == blobs.examples(t).y).float().mean()
        for t in range(1, NUM_TASKS + 1)
    ]
    return float(torch.stack(right).mean())


def test_replay_remembers_what_fine_tuning_forgets():
    forgetful = accuracy(Blobs(Finetune, Config(), "class"))
    assert accuracy(er(memory_size=100)) > forgetful + 0.25


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"memory_size": 0}, "memory_size must be at least 1 or left out, given 0"),
        ({"replay_batch_size": 0}, "replay_batch_size must be at least 1 or left out, given 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        ER.Config(**config)


class Latest(Rehearsal):
    """A method with a memory and no hyperparameters of its own."""

    @classmethod
    def policy(cls, config):
        return RingMemory

    def loss(self, batch):
        rows = self.draw(batch)
        return self.task_loss(batch + self.memory[rows] if len(rows) else batch)


def test_a_method_with_a_memory_need_not_name_its_hyperparameters():
    assert Latest.Config is RehearsalConfig
    assert_conforms(Latest, RehearsalConfig(memory_size=12), "class")
    assert "room for 2 examples" in Latest.objection(
        Latest.Config(memory_size=2), Setting("task", 6, IMAGE, "mlp", NUM_TASKS)
    )


def test_weighted_by_tasks_the_new_one_has_a_share_of_one_in_t():
    method, view = after_first_task(memory_size=30, weighting="tasks")
    batch = view.examples[:6]
    replayed = method.memory.sample(6, view.stream("replay"))
    expected = (method.task_loss(batch) + method.task_loss(replayed)) / 2
    torch.testing.assert_close(method.loss(batch), expected)


@pytest.mark.parametrize("scenario", ["task", "class"])
@pytest.mark.parametrize("policy", ["reservoir", "class_balanced"])
def test_asymmetric_it_is_er_ace_bit_for_bit(scenario, policy):
    given = {"memory_size": 20, "policy": policy, "replay_batch_size": 5}
    ace = Blobs(ERACE, ERACE.Config(**given), scenario)
    chains = snapshots(er(scenario, asymmetric=True, **given)), snapshots(ace)
    for one, other in zip(*chains, strict=True):
        assert one.state.keys() == other.state.keys()
        assert all(torch.equal(one.state[name], value) for name, value in other.state.items())


def test_asymmetric_and_weighted_by_tasks_the_outputs_of_absent_classes_are_left_out():
    method, view = after_first_task(memory_size=30, weighting="tasks", asymmetric=True)
    batch = view.examples[:6] + view.examples[-6:]
    assert batch.y.unique().tolist() == [2, 3]
    replayed = method.memory.sample(12, view.stream("replay"))
    own = F.cross_entropy(method.network(batch.x)[:, 2:4], batch.y - 2)
    expected = (own + method.task_loss(replayed)) / 2
    torch.testing.assert_close(method.loss(batch), expected)


def test_weighted_by_tasks_the_first_one_learns_from_its_batches_alone():
    blobs = er(memory_size=30, weighting="tasks")
    method, view = blobs.create_method(), blobs.view(1)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    method.after_step(view.examples[:30])
    assert torch.equal(method.loss(view.examples), method.task_loss(view.examples))


def test_several_updates_on_a_batch_replay_draws_of_their_own_and_store_it_once():
    blobs = er(memory_size=30, updates_per_batch=3)
    method, view = blobs.create_method(), blobs.view(1)
    draws, steps = [], []
    draw = method.draw
    method.draw = lambda batch: draws.append(draw(batch).tolist()) or torch.tensor(draws[-1])
    method.after_backward = lambda: steps.append(method.update)
    train_task(method, view, Training(batch_size=24, lr=0.01), FlopMeter())
    assert steps == [0, 1, 2] * 2
    assert [len(rows) for rows in draws] == [0, 24, 24, 24, 24, 24]
    assert draws[1] != draws[2] != draws[3]
    assert method.memory._offered == len(view.examples)


def test_a_budget_for_each_class_grows_with_the_classes():
    blobs = er(memory_per_class=5, policy="class_balanced")
    for snapshot in snapshots(blobs):
        counts = snapshot.state["memory.y"].bincount()
        assert counts.tolist() == [5] * (2 * snapshot.after)


def test_a_budget_for_each_class_needs_a_memory_with_shares_for_classes():
    setting = Setting("class", 6, IMAGE, "mlp", NUM_TASKS)
    story = "has no share for each class, so memory_per_class: 5 has no meaning"
    assert story in ER.objection(ER.Config(memory_per_class=5), setting)
    config = ER.Config(memory_per_class=5, policy="class_balanced")
    assert ER.objection(config, setting) is None
    assert config.with_storage(900) == ER.Config(memory_bytes=900, policy="class_balanced")
    with pytest.raises(ValueError, match="memory_size must be left out where memory_per_class is"):
        ER.Config(memory_size=4, memory_per_class=5)
