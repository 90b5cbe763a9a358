"""Limits that tie the methods together: no strength is fine-tuning, all strength is freezing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from methods import METHODS
from methods.base import Config
from methods.er import ER
from methods.ewc import EWC
from methods.finetune import Finetune
from methods.freeze import Freeze
from methods.joint import Joint
from methods.l2 import L2
from methods.mas import MAS
from methods.rwalk import RWalk, scale_to_unit
from methods.si import SI
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task

HAVE_STRENGTH = {name for name, method in METHODS.items() if method.strength}


def with_strength(method_class, strength):
    return method_class.Config(**{method_class.strength: strength})


def test_methods_with_one_strength_declare_it():
    expected = {"ewc", "si", "mas", "rwalk", "l2", "lwf", "gem", "agem", "der", "gpm"}
    assert expected == HAVE_STRENGTH


@pytest.mark.parametrize("name", sorted(HAVE_STRENGTH))
def test_without_strength_it_is_fine_tuning_bit_for_bit_with_batch_normalisation_too(name):
    """Without batch normalisation the contract suite demands it, in every scenario."""
    plain = Blobs(Finetune, Config(), "domain", batch_norm=True)
    weak = replace(plain, method_class=METHODS[name], config=with_strength(METHODS[name], 0.0))
    for one, other in zip(snapshots(plain), snapshots(weak), strict=True):
        for name, tensor in one.state.items():
            assert torch.equal(tensor, other.state[name]), name


# What multiplies the squared distance of each parameter, per unit of strength.
WEIGHTS = {
    EWC: lambda m: {n: f / 2 for n, f in m.importance[0].items()},
    L2: lambda m: {n: torch.full_like(a, 0.5) for n, a in m.anchored_parameters().items()},
    SI: lambda m: m.importance[0],
    MAS: lambda m: m.importance[0],
    RWalk: lambda m: {
        n: f + scale_to_unit(m.importance[1])[n] for n, f in scale_to_unit(m.importance[0]).items()
    },
}
RATE, STEPS = 1e-4, 120


@pytest.mark.parametrize(
    "method_class",
    [EWC, SI, *(pytest.param(c, marks=pytest.mark.variant) for c in (L2, MAS, RWalk))],
)
def test_with_all_strength_it_freezes_the_shared_parameters(method_class):
    blobs = Blobs(method_class, with_strength(method_class, 1.0), "task")
    first = next(snapshots(blobs)).state
    weights = WEIGHTS[method_class](blobs.restore(first, num_learned=1))
    largest = max(w.max().item() for w in weights.values())
    *_, frozen = snapshots(replace(blobs, method_class=Freeze, config=Config()))

    def distance(stiffness):
        """How far task 2 takes the parameters that count from where freezing leaves them."""
        config = with_strength(method_class, stiffness / largest)
        method = replace(blobs, config=config).restore(first, num_learned=1)
        training = Training(
            epochs=STEPS, batch_size=len(blobs.examples(2)), optimizer="sgd", lr=RATE
        )
        train_task(method, blobs.view(2), training, FlopMeter())
        by_name = dict(method.network.named_parameters())
        moved = [
            (by_name[n].detach() - frozen.state[f"network.{n}"]).abs()[w > 0.1 * largest].sum()
            for n, w in weights.items()
        ]
        return torch.stack(moved).sum().item()

    # Descent on a spring is stable while rate * 2 * stiffness < 2. At half of that a gradient g
    # moves the stiffest parameter by rate * g, one a tenth as stiff by 10 rate * g, for good.
    free, values, stiff, rigid = (distance(s / RATE) for s in (0.0, 0.005, 0.05, 0.5))
    assert free > 0
    assert values < free
    assert stiff < values / 2
    assert rigid < stiff / 5
    assert rigid < free * 10 / STEPS


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_er_with_room_for_everything_minimises_what_joint_training_does(scenario):
    config = ER.Config(memory_size=1000, policy="class_balanced", replay_batch_size=1000)
    blobs = Blobs(ER, config, scenario)
    _, second, _ = snapshots(blobs)
    method, view = blobs.restore(second.state, num_learned=2), blobs.view(3)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    everything = replace(blobs, method_class=Joint, config=Config()).view(3).examples
    assert len(everything) == 3 * len(view.examples)
    losses = method.loss(view.examples), method.task_loss(everything)
    gradients = [torch.autograd.grad(loss, list(method.network.parameters())) for loss in losses]
    assert torch.allclose(*losses)
    assert all(torch.allclose(g, h, atol=1e-6) for g, h in zip(*gradients, strict=True))


def test_er_with_room_for_everything_approaches_joint_training():
    def loss(method_class, config):
        blobs = Blobs(method_class, config, "class", epochs=40)
        *_, last = snapshots(blobs)
        scores = torch.cat([last.scores[t] for t in (1, 2, 3)])
        y = torch.cat([blobs.examples(t).y for t in (1, 2, 3)])
        return F.cross_entropy(scores, y).item()

    room = ER.Config(memory_size=1000, replay_batch_size=1000)
    replay, joint, plain = loss(ER, room), loss(Joint, Config()), loss(Finetune, Config())
    assert abs(replay - joint) < 0.01 * (plain - joint)
