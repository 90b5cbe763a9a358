"""The bounds: fine-tuning, joint training, independent networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from methods.base import Config, Outlook
from methods.finetune import Finetune
from methods.independent import Independent
from methods.joint import Joint
from methods.parts.initialisation import reinitialise
from methods.testing.blobs import IMAGE, NUM_TASKS, Blobs
from methods.testing.snapshots import learn, snapshots
from orchestrator.seeding import stream
from orchestrator.stages.costs import storage_bytes

INDEPENDENT = Blobs(Independent, Config(), "task")


def column(state, place):
    prefix = f"columns.{place}."
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def live(state):
    return {n.removeprefix("network."): t for n, t in state.items() if n.startswith("network.")}


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(t, second[n]) for n, t in first.items()
    )


@pytest.mark.parametrize("batch_norm", [False, True])
def test_finished_networks_never_change(batch_norm):
    first, second, third = snapshots(replace(INDEPENDENT, batch_norm=batch_norm))
    assert same(live(first.state), column(second.state, 0))
    assert same(live(first.state), column(third.state, 0))
    assert same(live(second.state), column(third.state, 1))


def test_predictions_of_a_finished_task_never_change():
    first, second, third = snapshots(INDEPENDENT)
    assert torch.equal(first.scores[1], second.scores[1])
    assert torch.equal(first.scores[1], third.scores[1])
    assert torch.equal(second.scores[2], third.scores[2])


def test_a_task_is_learned_as_if_there_had_been_none_before():
    straight = [s.state for s in snapshots(INDEPENDENT)]
    method = INDEPENDENT.create_method()
    for p in method.network.parameters():
        nn.init.constant_(p, 3.0)
    learn(method, INDEPENDENT.view(3))
    assert same(live(straight[2]), live(method.state_dict()))


def test_independent_networks_cost_one_model_per_task():
    for after, snapshot in enumerate(snapshots(INDEPENDENT), start=1):
        sizes = storage_bytes(snapshot.state, Independent.storage)
        assert sizes.get("columns", 0) == (after - 1) * sizes["model"]


def test_only_the_live_network_learns():
    method = INDEPENDENT.restore(list(snapshots(INDEPENDENT))[-1].state, NUM_TASKS)
    learning = {name.split(".")[0] for name, p in method.named_parameters() if p.requires_grad}
    assert learning == {"network"}


def test_independent_networks_must_be_told_the_task():
    with pytest.raises(ValueError, match="use the task scenario"):
        INDEPENDENT.create_method().predict(INDEPENDENT.examples(1).x, None)


def test_weights_are_drawn_anew_from_the_generator_alone():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(4, 3))
    reinitialise(network, stream(0, "weights"))
    first = {n: t.clone() for n, t in network.state_dict().items()}
    network(torch.ones(5, 1, 6, 6))
    with torch.no_grad():
        network[0].weight.zero_()
    reinitialise(network, stream(0, "weights"))
    assert same(first, network.state_dict())
    reinitialise(network, stream(1, "weights"))
    assert not torch.equal(first["0.weight"], network[0].weight)


def test_a_module_that_cannot_be_initialised_anew_is_named():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

    with pytest.raises(TypeError, match=r"Bare holds parameters.*reset_parameters\(\)"):
        reinitialise(nn.Sequential(Bare()), stream(0, "weights"))


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_joint_training_is_training_a_fresh_network_on_all_seen_data(scenario):
    joint = Blobs(Joint, Config(), scenario)
    *_, last = snapshots(joint)
    plain = Finetune(joint.create_method().network, Config(), Outlook(joint.num_classes, IMAGE))
    learn(plain, joint.view(NUM_TASKS))
    assert len(joint.view(NUM_TASKS).examples) == NUM_TASKS * len(joint.examples(1))
    assert same(last.state, plain.state_dict())


def test_joint_training_remembers_what_fine_tuning_forgets():
    scores = {}
    for method in (Finetune, Joint):
        blobs = Blobs(method, Config(), "class", epochs=15)
        *_, last = snapshots(blobs)
        right = last.scores[1].argmax(dim=1) == blobs.examples(1).y
        scores[method] = float(right.float().mean())
    assert scores[Joint] > scores[Finetune] + 0.5
