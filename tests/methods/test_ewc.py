"""Elastic Weight Consolidation: its penalty, its importances, its limits."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import nn

from methods.base import Config, Outlook
from methods.ewc import EWC
from methods.finetune import Finetune
from methods.parts.sensitivity.fisher import diagonal_fisher
from methods.testing.blobs import IMAGE, Blobs
from methods.testing.snapshots import snapshots
from orchestrator.seeding import stream
from orchestrator.stages.costs import storage_bytes

# SmallNetwork in the class scenario: 16-12-6.
BODY = 16 * 12 + 12
HEAD = 12 * 6 + 6


def ewc(scenario="class", **config):
    return Blobs(EWC, EWC.Config(**config), scenario)


def move(network, seed):
    """Change all parameters a little."""
    generator = stream(seed, "move")
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))


def consolidate_tasks(blobs, tasks=1):
    """A method that met tasks without training and begins one more: hooks and movement alone."""
    method = blobs.create_method()
    for index in range(1, tasks + 1):
        view = blobs.view(index)
        method.configure_loss(view.allowed)
        method.begin_task(view)
        move(method.network, index)
        method.end_task(view)
    method.begin_task(replace(view, index=tasks + 1))
    return method


def body(method):
    return dict(method.network.body.named_parameters(prefix="body"))


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_the_penalty_is_zero_where_the_parameters_are_anchored(mode):
    method = consolidate_tasks(ewc(mode=mode))
    assert method.penalty() == 0
    batch = ewc().view(1).examples[:8]
    assert method.task_loss(batch).isfinite()
    assert method.loss(batch) == method.task_loss(batch)


def test_the_penalty_adds_lam_times_importance_times_distance_to_the_gradient():
    method = consolidate_tasks(ewc(lam=7.0))
    anchor = {name: p.detach().clone() for name, p in body(method).items()}
    move(method.network, seed=9)
    batch = ewc().view(1).examples[:8]
    plain = torch.autograd.grad(method.task_loss(batch), body(method).values())
    full = torch.autograd.grad(method.loss(batch), body(method).values())
    importance = method.importance[0]
    for (name, p), g, h in zip(body(method).items(), plain, full, strict=True):
        assert torch.allclose(h - g, 7.0 * importance[name] * (p - anchor[name]), atol=1e-6)


def test_the_loss_has_the_factor_one_half():
    method = consolidate_tasks(ewc(lam=1e4))
    importance, anchor = method.importance[0], method.anchor
    move(method.network, seed=9)
    with torch.no_grad():
        squares = [importance[n] * (p - anchor[n]) ** 2 for n, p in body(method).items()]
        batch = ewc().view(1).examples[:8]
        added = method.loss(batch) - method.task_loss(batch)
    expected = 1e4 / 2 * sum(float(square.sum()) for square in squares)
    assert float(added) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("mode", ["online", "offline"])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_without_strength_it_is_fine_tuning_bit_for_bit(mode, scenario):
    plain = Blobs(Finetune, Config(), scenario)
    for first, second in zip(
        snapshots(plain), snapshots(ewc(scenario, lam=0.0, mode=mode)), strict=True
    ):
        for name, tensor in first.state.items():
            assert torch.equal(tensor, second.state[name]), name


def test_the_first_task_is_fine_tuning_bit_for_bit():
    first = next(snapshots(Blobs(Finetune, Config(), "class")))
    second = next(snapshots(ewc(lam=1e6)))
    assert all(torch.equal(t, second.state[name]) for name, t in first.state.items())


def test_a_stronger_penalty_keeps_the_parameters_nearer():
    distances = []
    for lam in (0.0, 100.0, 10_000.0):
        first, second = islice(snapshots(replace(ewc(lam=lam), epochs=15)), 2)
        moved = [
            first.state[f"importance.{n}"][0]
            * (
                second.state[f"network.{n.replace('/', '.')}"]
                - first.state[f"network.{n.replace('/', '.')}"]
            )
            ** 2
            for n in ("body/weight", "body/bias")
        ]
        distances.append(sum(float(m.sum()) for m in moved))
    assert distances[0] > 2 * distances[1] > 4 * distances[2]


def fishers(blobs, tasks):
    """The Fisher of each task, for `consolidated` with the same blobs, and the parameters then."""
    network, actual, anchors = blobs.create_method().network, [], []
    for index in range(1, tasks + 1):
        move(network, index)
        view = blobs.view(index)
        actual.append(diagonal_fisher(network, view.examples, view.allowed))
        anchors.append({n: p.detach().clone() for n, p in network.named_parameters()})
    return actual, anchors


def test_online_importance_is_gamma_times_the_old_plus_the_new():
    blobs = ewc(gamma=0.5)
    (f1, f2, f3), anchors = fishers(blobs, tasks=3)
    method = consolidate_tasks(blobs, tasks=3)
    assert (method.importance.rows, method.past_anchors.rows) == (1, 0)
    for name, importance in method.importance[0].items():
        assert torch.equal(importance, 0.5 * (0.5 * f1[name] + f2[name]) + f3[name])
        assert torch.equal(method.anchor[name], anchors[2][name])


def test_offline_has_an_anchor_and_an_importance_of_every_task():
    blobs = ewc(mode="offline")
    diagonals, anchors = fishers(blobs, tasks=3)
    method = consolidate_tasks(blobs, tasks=3)
    assert method.past_anchors.rows == 2
    all_anchors = [method.past_anchors[0], method.past_anchors[1], method.anchor]
    for k in range(3):
        for name, importance in method.importance[k].items():
            assert torch.equal(importance, diagonals[k][name])
            assert torch.equal(all_anchors[k][name], anchors[k][name])
    parameters = dict(method.network.named_parameters())
    expected = sum(
        float((f[n] * (parameters[n] - a[n]) ** 2).sum().detach())
        for f, a in zip(diagonals, anchors, strict=True)
        for n in ("body.weight", "body.bias")
    )
    assert float(method.penalty().detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("config", "anchors", "importances"),
    [
        ({"mode": "online"}, 0, BODY),
        ({"mode": "offline"}, 2 * BODY, 3 * BODY),
        ({"mode": "online", "penalise_head": True}, 0, BODY + HEAD),
        ({"mode": "offline", "penalise_head": True}, 2 * (BODY + HEAD), 3 * (BODY + HEAD)),
    ],
)
def test_storage_is_an_importance_of_what_is_held_and_anchors_of_all_tasks_but_the_last(
    config, anchors, importances
):
    state = consolidate_tasks(ewc(**config), tasks=3).state_dict()
    sizes = storage_bytes(state, EWC.storage)
    expected = {"model": BODY + HEAD, "anchor": anchors, "importance": importances}
    assert sizes == {category: 4 * floats for category, floats in expected.items()}


def test_the_fisher_can_be_taken_over_some_of_the_examples():
    blobs = ewc(num_samples=5)
    method = consolidate_tasks(blobs)
    view = blobs.view(1)
    chosen = torch.randperm(len(view.examples), generator=view.stream("fisher examples"))[:5]
    expected = diagonal_fisher(method.network, view.examples[chosen], view.allowed)
    for name, importance in method.importance[0].items():
        assert torch.equal(importance, expected[name])


def test_normalised_importance_has_mean_one_and_keeps_its_proportions():
    plain, scaled = consolidate_tasks(ewc()), consolidate_tasks(ewc(normalise=True))
    values = torch.cat([f.flatten() for f in scaled.importance[0].values()])
    assert float(values.mean()) == pytest.approx(1, rel=1e-5)
    ratios = [scaled.importance[0][n][f > 0] / f[f > 0] for n, f in plain.importance[0].items()]
    assert float(torch.cat(ratios).std()) < 1e-3 * float(torch.cat(ratios).mean())


def test_frozen_parameters_are_not_held():
    blobs = ewc()
    network = blobs.create_method().network
    network.body.weight.requires_grad_(False)
    method = EWC(network, EWC.Config(), Outlook(6, IMAGE, num_learned=1))
    assert [n for n in method.state_dict() if n.startswith("importance")] == [
        "importance.body/bias"
    ]


def test_a_network_without_a_head_is_told_what_to_do():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))
    with pytest.raises(ValueError, match=r"no layer named head.*penalise_head: true"):
        EWC(network, EWC.Config(), Outlook(6, IMAGE))
    EWC(network, EWC.Config(penalise_head=True), Outlook(6, IMAGE))


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"lam": -1.0}, "lam must be at least 0 and finite, given -1.0"),
        ({"lam": float("nan")}, "lam must be at least 0"),
        ({"gamma": 0.0}, r"gamma must be in \(0, 1\], given 0.0"),
        ({"num_samples": 0}, "num_samples must be at least 1 or left out, given 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        EWC.Config(**config)
