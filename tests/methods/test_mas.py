"""Memory Aware Synapses: sensitivities against a loop over examples, and the penalty."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.base import Examples
from methods.mas import MAS, output_sensitivity
from methods.parts.sensitivity.layer_gradients import linear_layers
from methods.testing.blobs import NUM_TASKS, Blobs
from orchestrator.seeding import seed_global_generators, stream
from orchestrator.stages.costs import FlopMeter

NUM_CLASSES = 5
GROUP = torch.tensor([0, 0, 1, 1, 1])
TWO_GROUPS = GROUP.unsqueeze(1) == GROUP


class Scale(nn.Module):
    def forward(self, x):
        return x.float() / 255


def mlp():
    with seed_global_generators(5):
        hidden = (nn.Linear(16, 7), nn.ReLU(inplace=True), nn.Linear(7, 6, bias=False), nn.Tanh())
        return nn.Sequential(Scale(), nn.Flatten(), *hidden, nn.Linear(6, NUM_CLASSES))


def cnn():
    with seed_global_generators(5):
        body = (nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten())
        return nn.Sequential(Scale(), *body, nn.Linear(12, NUM_CLASSES))


@pytest.fixture
def examples():
    generator = stream(0, "examples")
    x = torch.randint(0, 256, (23, 1, 4, 4), generator=generator).to(torch.uint8)
    return Examples(x, torch.randint(0, NUM_CLASSES, (23,), generator=generator))


def by_loop(network, examples, allowed):
    """Mean over examples of |d ||f(x)||^2 / d theta|."""
    network.eval()
    parameters = dict(network.named_parameters())
    total = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in parameters.items()}
    for x, y in zip(examples.x, examples.y, strict=True):
        f = network(x.unsqueeze(0))[0]
        square = (f if allowed is None else f[allowed[y]]).square().sum()
        gradients = torch.autograd.grad(square, parameters.values())
        for name, gradient in zip(parameters, gradients, strict=True):
            total[name] += gradient.double().abs()
    network.train()
    return {name: t / len(examples) for name, t in total.items()}


def assert_close(importances, expected):
    assert importances.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (importances[name] - tensor).abs().max() < 1e-5 * tensor.abs().max(), name


@pytest.mark.parametrize("network", [mlp, cnn])
@pytest.mark.parametrize("allowed", [None, TWO_GROUPS], ids=["all outputs", "two groups"])
def test_it_equals_the_loop_over_examples(network, allowed, examples):
    net = network()
    assert (linear_layers(net, examples.x[:1]) is None) == (network is cnn)
    expected = by_loop(net, examples, allowed)
    assert_close(output_sensitivity(net, examples, allowed), expected)
    assert_close(output_sensitivity(net, examples, allowed, batch_size=4), expected)


def test_a_linear_map_by_hand():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -2.0]]))
    x = torch.tensor([[1.0, 1.0], [-1.0, 3.0]]).reshape(2, 1, 1, 2)
    # d ||Wx||^2 / dW_kj = 2 f_k x_j: f = (1, -2) and (-1, -6).
    one = torch.tensor([[2.0, 2.0], [4.0, 4.0]])
    other = torch.tensor([[2.0, 6.0], [12.0, 36.0]])
    sensitivity = output_sensitivity(net, Examples(x, torch.zeros(2, dtype=torch.int64)))
    assert torch.equal(sensitivity["1.weight"], (one + other) / 2)


def test_examples_that_pull_in_opposite_directions_do_not_cancel():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 0.0]]))
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).reshape(2, 1, 1, 2)
    sensitivity = output_sensitivity(net, Examples(x, torch.zeros(2, dtype=torch.int64)))
    # The mean gradient of the second weight is 0; taking |.| of that would lose it.
    assert sensitivity["1.weight"].tolist() == [[2.0, 2.0]]


def test_labels_do_not_matter_beyond_which_outputs_compete(examples):
    net = mlp()
    swapped = Examples(examples.x, torch.tensor([1, 0, 4, 2, 3])[examples.y])
    first, second = (output_sensitivity(net, e, TWO_GROUPS) for e in (examples, swapped))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_outputs_that_may_not_compete_make_nothing_important(examples):
    sensitivity = output_sensitivity(mlp(), examples[examples.y < 2], TWO_GROUPS)
    assert sensitivity["6.weight"][2:].abs().sum() == 0
    assert (sensitivity["6.bias"][:2] > 0).all()


def mas(**config):
    return Blobs(MAS, MAS.Config(**config), "class")


def consolidate_tasks(blobs, tasks):
    """A method that met tasks without training, only moved before each; and each task's Omega."""
    method, actual = blobs.create_method(), []
    for index in range(1, tasks + 1):
        move(method, index)
        view = blobs.view(index)
        method.configure_loss(view.allowed)
        method.begin_task(view)
        actual.append(output_sensitivity(method.network, view.examples, view.allowed))
        method.end_task(view)
    return method, actual


def move(method, seed):
    generator = stream(seed, "move")
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))


@pytest.mark.parametrize(("accumulate", "share"), [("sum", 1), ("mean", 1 / NUM_TASKS)])
def test_importances_of_tasks_are_added_up_or_averaged(accumulate, share):
    method, sensitivities = consolidate_tasks(mas(accumulate=accumulate), NUM_TASKS)
    for name, importance in method.importance[0].items():
        assert torch.allclose(importance, share * sum(f[name] for f in sensitivities), rtol=1e-5)


def test_the_penalty_is_lam_times_importance_times_distance_squared():
    method, (importance,) = consolidate_tasks(mas(lam=40.0), tasks=1)
    method.begin_task(mas().view(2))
    anchor = method.anchor
    move(method, 9)
    batch = mas().view(1).examples[:8]
    values = dict(method.network.named_parameters())
    with torch.no_grad():
        expected = sum((importance[n] * (values[n] - a) ** 2).sum() for n, a in anchor.items())
        added = method.loss(batch) - method.task_loss(batch)
    assert added.item() == pytest.approx(40.0 * expected.item(), rel=1e-4)


def test_consolidation_costs_a_forward_a_backward_and_a_product_per_layer():
    blobs = mas()
    method, view, meter = blobs.create_method(), blobs.view(1), FlopMeter()
    meter.measure("once", method.end_task, view)
    body, head = 16 * 12, 12 * blobs.num_classes
    passes = (body + head) + head + (body + head)  # the first layer's input needs no gradient
    probe = body + head
    assert meter.total == 2 * (len(view.examples) * passes + probe)


def test_a_strength_below_zero_is_refused():
    with pytest.raises(ValueError, match=r"lam must be at least 0 and finite, given -0\.1"):
        MAS.Config(lam=-0.1)
