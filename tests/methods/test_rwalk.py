"""Riemannian Walk: its score and running Fisher by hand, its scaling, its penalty."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
import torch
from torch import nn

from methods.base import Config, Examples, Outlook, TaskView
from methods.finetune import Finetune
from methods.parts.path import PathIntegral
from methods.parts.sensitivity.fisher import diagonal_fisher
from methods.rwalk import RWalk, scale_to_unit, scores
from methods.testing.blobs import Blobs
from methods.testing.snapshots import learn, snapshots
from orchestrator.seeding import stream

BATCH = Examples(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8), torch.zeros(1).long())
TASK = TaskView(1, (0, 1), BATCH, None, lambda purpose: stream(0, purpose))


class OneWeight(nn.Module):
    """Logits (w x, 0) of an image of one pixel x."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(1, 1, bias=False)
        self.head = nn.ZeroPad1d((0, 1))
        nn.init.constant_(self.body.weight, 1.0)

    def forward(self, x):
        return self.head(self.body(x.flatten(1) / 255))


def step(method, gradient, to):
    """A step of training with a gradient and a place of our own."""
    weight = method.network.body.weight
    weight.grad = torch.full_like(weight, gradient)
    method.after_backward()
    with torch.no_grad():
        weight.fill_(to)
    method.after_step(BATCH)


def fisher_at(w):
    """(d log p(0) / dw)^2 for x = 1."""
    return (1 - 1 / (1 + exp(-w))) ** 2


def row(method, index):
    return method.importance[index]["body.weight"].item()


def test_two_tasks_of_one_parameter_by_hand():
    config = RWalk.Config(lam=2.0, alpha=0.75, interval=2, epsilon=0.01)
    method = RWalk(OneWeight(), config, Outlook(2, (1, 1, 1)))
    method.begin_task(TASK)
    step(method, gradient=2.0, to=0.5)
    step(method, gradient=1.0, to=0.0)  # the first interval ends: omega = 1 + 0.5, it moved 1
    fisher = 0.25
    score = 1.5 / (0.5 * fisher * 1 + 0.01)
    step(method, gradient=-1.0, to=log(3))  # the last one is short: omega = its movement = log 3
    method.end_task(TASK)
    fisher = 0.75 * 0.0625 + 0.25 * fisher
    score += log(3) / (0.5 * fisher * log(3) ** 2 + 0.01)
    assert row(method, 0) == pytest.approx(fisher, rel=1e-5)
    assert row(method, 1) == pytest.approx(score, rel=1e-5)

    method.begin_task(replace(TASK, index=2))
    assert method.anchor["body.weight"].item() == pytest.approx(log(3))
    step(method, gradient=1.0, to=2.0)
    step(method, gradient=0.0, to=3.0)  # uphill: it scores nothing
    method.end_task(TASK)
    assert row(method, 0) == pytest.approx(0.75 * fisher_at(3.0) + 0.25 * fisher, rel=1e-5)
    assert row(method, 1) == pytest.approx(score / 2, rel=1e-5)


def test_a_score_is_the_fall_of_the_loss_per_distance_in_answers():
    path = PathIntegral({"w": nn.Parameter(torch.zeros(3))})
    path.fall["w"] = torch.tensor([1.0, -1.0, 4.0])
    with torch.no_grad():
        path.parameters["w"].copy_(torch.tensor([2.0, 2.0, 0.0]))
    values = scores(path, {"w": torch.tensor([3.0, 3.0, 3.0])}, epsilon=0.5)
    # 1 / (1/2 * 3 * 2^2 + 1/2), nothing for a loss that rose, 4 / (1/2).
    assert values["w"].tolist() == pytest.approx([1 / 6.5, 0.0, 8.0])


def test_scaling_takes_all_tensors_to_the_unit_interval_together():
    values = {"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([[5.0]])}
    scaled = scale_to_unit(values)
    assert scaled["a"].tolist() == [0.0, 0.5]
    assert scaled["b"].tolist() == [[1.0]]
    assert scale_to_unit({"a": torch.full((2,), 7.0)})["a"].tolist() == [0.0, 0.0]


def test_the_fisher_is_measured_once_an_interval_and_the_cost_is_told_apart():
    blobs = Blobs(RWalk, RWalk.Config(interval=2), "class")
    method, kinds = blobs.create_method(), []
    method.configure_loss(blobs.allowed_outputs(1))
    method.begin_task(blobs.view(1))
    for _ in range(4):
        kinds.append(method.step_kind())
        method.loss(blobs.view(1).examples[:4]).backward()
        method.after_backward()
        method.after_step(blobs.view(1).examples[:4])
    assert kinds == [False, True, False, True]


def test_the_fisher_is_that_of_a_batch_per_example_and_toward_the_true_label():
    blobs = Blobs(RWalk, RWalk.Config(alpha=1.0), "class")
    method, view = blobs.create_method(), blobs.view(1)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    batch = view.examples[:10]
    method.loss(batch).backward()
    method.after_backward()
    method.after_step(batch)
    method.end_task(view)
    expected = diagonal_fisher(method.network, batch, view.allowed, "empirical")
    for name, actual in method.importance[0].items():
        assert torch.equal(actual, expected[name])


def test_the_penalty_is_lam_times_scaled_fisher_and_score():
    blobs = Blobs(RWalk, RWalk.Config(lam=5.0), "class")
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    view = blobs.view(2)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    with torch.no_grad():
        method.network.body.weight.add_(0.1)
    loss = method.loss(view.examples[:8])
    assert torch.equal(loss, method.task_loss(view.examples[:8]))
    loss.backward()
    alone = method.network.body.weight.grad.clone()
    method.after_backward()
    fisher, score = (scale_to_unit(method.importance[k])["body.weight"] for k in (0, 1))
    pull = 2 * 5.0 * (fisher + score) * 0.1
    assert torch.allclose(method.network.body.weight.grad - alone, pull, atol=1e-5)


def test_measuring_does_not_disturb_batch_normalisation():
    walk = Blobs(RWalk, RWalk.Config(lam=0.0, interval=1), "class", batch_norm=True).create_method()
    plain = Blobs(Finetune, Config(), "class", batch_norm=True).create_method()
    view = Blobs(Finetune, Config(), "class").view(1)
    learn(walk, view)
    learn(plain, view)
    for name, tensor in plain.network.state_dict().items():
        assert torch.equal(tensor, walk.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"lam": -1.0}, "lam must be at least 0 and finite, given -1.0"),
        ({"alpha": 0.0}, r"alpha must be in \(0, 1\], given 0.0"),
        ({"interval": 0}, "interval must be at least 1, given 0"),
        ({"epsilon": 0.0}, "epsilon must be above 0 and finite, given 0.0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        RWalk.Config(**config)
