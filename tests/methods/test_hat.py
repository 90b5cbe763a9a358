"""Hard attention: gates, slopes, compensation, what is protected, bytes by formula."""

from __future__ import annotations

from dataclasses import replace
from math import cosh

import pytest
import torch
import torch.nn.functional as F

from methods.base import Outlook, Setting
from methods.hat import HAT
from methods.parts.gates import gate
from methods.testing.blobs import Blobs
from methods.testing.conformance import assert_conforms
from methods.testing.snapshots import snapshots
from orchestrator.networks.networks import MLP, NetworkShape, build_network
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

SHAPE = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))


def hat(**config):
    return Blobs(HAT, HAT.Config(**config), "task")


def begin_task(index=2, num_steps=10, **config):
    """A method that has met the tasks before `index` and begun that one."""
    blobs = hat(**config)
    earlier = list(snapshots(blobs))
    method = (
        blobs.restore(earlier[index - 2].state, index - 1) if index > 1 else blobs.create_method()
    )
    view = replace(blobs.view(index), num_steps=num_steps)
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def test_scores_are_those_of_gated_units():
    blobs = hat(s_max=3.0)
    *_, last = snapshots(blobs)
    method = blobs.restore(last.state, 3).eval()
    x = blobs.examples(2).x
    for task in (1, 2, 3):
        gate = 1 / (1 + (-3.0 * last.state["attention.head"][task - 1]).exp())
        hidden = method.network.body(x.flatten(1).float() / 255).relu()
        assert torch.allclose(
            method.predict(x, task), method.network.head(hidden * gate), atol=1e-6
        )


def test_a_gate_next_to_nothing_is_closed_and_still_learns():
    z = torch.tensor([-40.0, -17.0, -3.0, 0.0, 3.0, 40.0], requires_grad=True)
    actual, plain = gate(z), z.detach().sigmoid()
    assert actual[:2].tolist() == [0, 0]
    assert torch.equal(actual[2:], plain[2:])
    actual.sum().backward()
    assert torch.allclose(z.grad, plain * (1 - plain), rtol=1e-4, atol=0)
    assert (z.grad[:-1] > 0).all()


@pytest.mark.parametrize("cycles", [1, 2])
def test_the_slope_rises_from_its_inverse_to_its_maximum_in_every_cycle(cycles):
    method, view = begin_task(num_steps=10, s_max=50.0, cycles=cycles)
    slopes = []
    for _ in range(10):
        slopes.append(method.slope())
        method.after_step(view.examples)
    length = 10 // cycles
    expected = [1 / 50 + (50 - 1 / 50) * (b % length) / (length - 1) for b in range(10)]
    assert slopes == pytest.approx(expected)


def test_the_loss_is_cross_entropy_plus_the_price_of_unused_units():
    method, view = begin_task(sparsity=2.0)
    for _ in range(3):
        method.after_step(view.examples)
    used = method.attention[0]["head"].mul(400).sigmoid()
    gate = (method.slope() * method.learning[0]).sigmoid()
    price = (gate * (1 - used)).sum() / (1 - used).sum()
    logits = method.mask_logits(method.forward_gated(view.examples.x, [gate]), view.examples.y)
    expected = F.cross_entropy(logits, view.examples.y) + 2.0 * price
    assert torch.allclose(method.loss(view.examples), expected)


def test_without_sparsity_nothing_but_the_task_counts():
    method, view = begin_task(sparsity=0.0)
    gate = (method.slope() * method.learning[0]).sigmoid()
    logits = method.mask_logits(method.forward_gated(view.examples.x, [gate]), view.examples.y)
    assert method.loss(view.examples) == F.cross_entropy(logits, view.examples.y)


def test_sparsity_makes_a_task_use_fewer_units():
    used = {}
    for sparsity in (0.0, 20.0):
        *_, last = snapshots(replace(hat(sparsity=sparsity), epochs=10))
        used[sparsity] = int((last.state["attention.head"][0] > 0).sum())
    assert used[20.0] < used[0.0]


def test_the_gradient_of_embeddings_is_compensated_for_the_slope():
    method, view = begin_task(s_max=40.0)
    for _ in range(4):
        method.after_step(view.examples)
    method.loss(view.examples).backward()
    e = method.learning[0]
    plain, s = e.grad.clone(), method.slope()
    method.after_backward()
    for value, before, after in zip(e.tolist(), plain.tolist(), e.grad.tolist(), strict=True):
        steep = cosh(min(s * abs(value), 50)) + 1
        assert after == pytest.approx(40 / s * steep / (cosh(value) + 1) * before, rel=1e-4)


def test_a_weight_keeps_the_share_of_its_step_that_earlier_tasks_leave():
    method, view = begin_task(index=3, s_max=2.0)
    used = method.attention.get_buffer("head").mul(2.0).sigmoid().amax(dim=0)
    before = {n: p.detach().clone() for n, p in method.network.named_parameters()}
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(1.0)
    method.after_step(view.examples)
    moved = {n: p.detach() - before[n] for n, p in method.network.named_parameters()}
    others = torch.ones(6)
    others[list(view.classes)] = 0
    assert torch.allclose(moved["body.weight"], (1 - used).unsqueeze(1).expand(12, 16), atol=1e-5)
    assert torch.allclose(moved["body.bias"], 1 - used, atol=1e-5)
    expected = 1 - torch.minimum(others.unsqueeze(1), used)
    assert torch.allclose(moved["head.weight"], expected, atol=1e-5)
    assert torch.allclose(moved["head.bias"], 1 - others, atol=1e-5)


def test_embeddings_stay_within_six():
    method, view = begin_task()
    with torch.no_grad():
        method.learning[0].fill_(9.0)
    method.after_step(view.examples)
    assert (method.learning[0] == 6).all()


def train(blobs, index, method, **training):
    view = replace(blobs.view(index), num_steps=20)
    train_task(method, view, Training(iterations=20, batch_size=20, **training), FlopMeter())
    method.end_task(view)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_scores_of_a_task_learned_hardly_change(optimizer, weight_decay):
    # Gates are sigmoids, so a unit can be a little in use: its weights may move a little.
    blobs = hat()
    method, scores = blobs.create_method(), []
    for index in (1, 2, 3):
        train(blobs, index, method, optimizer=optimizer, lr=0.05, weight_decay=weight_decay)
        with torch.no_grad():
            scores.append(method.eval().predict(blobs.examples(1).x, 1))
    scale = scores[0].abs().max()
    assert (scores[1] - scores[0])[:, :2].abs().max() < 1e-3 * scale
    assert (scores[2] - scores[0])[:, :2].abs().max() < 1e-3 * scale


def test_with_binary_gates_scores_of_a_task_learned_do_not_change_at_all():
    blobs = hat()
    method, scores = blobs.create_method(), []
    for index in (1, 2, 3):
        train(blobs, index, method, lr=0.05)
        rows = method.attention.get_buffer("head")
        rows[-1] = torch.where(rows[-1] > 0, 6.0, -6.0)
        with torch.no_grad():
            scores.append(method.eval().predict(blobs.examples(1).x, 1)[:, :2])
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])


def test_embeddings_are_kept_when_a_task_ends_and_never_change():
    first, second, third = (s.state["attention.head"] for s in snapshots(hat()))
    assert torch.equal(first, third[:1])
    assert torch.equal(second, third[:2])


@pytest.mark.parametrize("num_learned", [0, 1, 5])
def test_storage_is_one_number_for_each_hidden_unit_and_task(num_learned):
    network = build_network(MLP, MLP.Config(hidden=(400, 300)), SHAPE, 0)
    method = HAT(network, HAT.Config(), Outlook(10, SHAPE.input_shape, num_learned))
    sizes = storage_bytes(method.state_dict(), HAT.storage)
    assert sizes["importance"] == 4 * num_learned * (400 + 300)


@pytest.mark.parametrize("config", [{"sparsity": 0.0, "spread": 1.0}, {"s_max": 9.0, "cycles": 3}])
def test_variants_keep_the_contract(config):
    assert_conforms(HAT, HAT.Config(**config), "task")


def test_it_must_be_told_the_task():
    with pytest.raises(ValueError, match="use the task scenario"):
        hat().create_method().predict(hat().examples(1).x, None)


@pytest.mark.parametrize(("scenario", "network"), [("class", "mlp"), ("task", "resnet18")])
def test_what_it_cannot_do_is_refused_when_the_sweep_is_read(scenario, network):
    assert HAT.objection(HAT.Config(), Setting(scenario, 10, (1, 28, 28), network)) is not None
    assert HAT.objection(HAT.Config(), Setting("task", 10, (1, 28, 28), "mlp")) is None


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"s_max": 0.5}, "s_max must be at least 1 and finite, given 0.5"),
        ({"sparsity": -1.0}, "sparsity must be at least 0 and finite, given -1.0"),
        ({"spread": 0.0}, "spread must be above 0 and finite, given 0.0"),
        ({"cycles": 0}, "cycles must be at least 1, given 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        HAT.Config(**config)
