"""The references: cumulative training, and freezing after the first task."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from methods.base import Config
from methods.cumulative import Cumulative
from methods.finetune import Finetune
from methods.freeze import Freeze
from methods.joint import Joint
from methods.testing.blobs import NUM_TASKS, Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter, raw_data_bytes
from orchestrator.stages.learning.learner import Training, train_task

SCENARIOS = ["task", "domain", "class"]


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(t, second[n]) for n, t in first.items()
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cumulative_training_on_one_task_is_joint_training(scenario):
    cumulative, joint = (Blobs(m, Config(), scenario) for m in (Cumulative, Joint))
    assert same(next(snapshots(cumulative)).state, next(snapshots(joint)).state)


def test_cumulative_training_goes_on_with_all_data_seen():
    cumulative, joint = (list(snapshots(Blobs(m, Config(), "class"))) for m in (Cumulative, Joint))
    assert not same(cumulative[1].state, joint[1].state)
    blobs = Blobs(Cumulative, Config(), "class")
    plain = replace(blobs, method_class=Finetune).restore(cumulative[1].state, num_learned=2)
    view = blobs.view(3)
    assert len(view.examples) == NUM_TASKS * len(blobs.examples(1))
    train_task(plain, view, Training(epochs=2, batch_size=20, lr=0.01), FlopMeter())
    assert same(cumulative[2].state, plain.state_dict())


def test_cumulative_training_is_charged_for_the_data_it_keeps():
    blobs = Blobs(Cumulative, Config(), "class")
    examples = blobs.view(NUM_TASKS).examples
    assert raw_data_bytes(blobs.create_method(), examples) == len(examples) * (16 + 1)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_first_task_is_fine_tuning_and_nothing_changes_after_it(scenario, batch_norm):
    freeze, plain = (Blobs(m, Config(), scenario, batch_norm) for m in (Freeze, Finetune))
    first, *later = snapshots(freeze)
    assert same(first.state, next(snapshots(plain)).state)
    assert all(same(first.state, snapshot.state) for snapshot in later)


@pytest.mark.parametrize(
    "training",
    [
        Training(optimizer="sgd", lr=10.0, momentum=0.9, weight_decay=0.5),
        Training(optimizer="adam", lr=10.0, weight_decay=0.5),
        Training(optimizer="adamw", lr=10.0, weight_decay=0.5),
    ],
    ids=lambda training: training.optimizer,
)
def test_no_optimiser_moves_what_is_frozen_and_its_training_is_free(training):
    blobs = Blobs(Freeze, Config(), "class", batch_norm=True)
    method, meter = blobs.create_method(), FlopMeter()
    before = {n: t.clone() for n, t in method.state_dict().items()}
    train_task(method, blobs.view(2), training, meter)
    assert same(before, method.state_dict())
    assert meter.total == 0
