"""The Fisher diagonal against a loop over examples and labels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.base import Examples
from methods.parts.sensitivity import sensitivity
from methods.parts.sensitivity.fisher import diagonal_fisher
from methods.parts.sensitivity.layer_gradients import linear_layers
from methods.parts.sensitivity.sensitivity import mean_over_examples
from orchestrator.seeding import seed_global_generators, stream

NUM_CLASSES = 5


class Scale(nn.Module):
    def forward(self, x):
        return x.float() / 255


def make(*layers):
    with seed_global_generators(3):
        return nn.Sequential(Scale(), *(layer() for layer in layers))


def mlp():
    return make(
        nn.Flatten,
        lambda: nn.Linear(16, 7),
        lambda: nn.ReLU(inplace=True),
        lambda: nn.Linear(7, 6, bias=False),
        nn.Tanh,
        lambda: nn.Linear(6, NUM_CLASSES),
    )


def cnn():
    return make(
        lambda: nn.Conv2d(1, 3, 3),
        lambda: nn.BatchNorm2d(3),
        lambda: nn.ReLU(inplace=True),
        lambda: nn.Dropout(0.5),
        nn.Flatten,
        lambda: nn.Linear(12, NUM_CLASSES),
    )


@pytest.fixture
def examples():
    generator = stream(0, "examples")
    x = torch.randint(0, 256, (23, 1, 4, 4), generator=generator).to(torch.uint8)
    return Examples(x, torch.randint(0, NUM_CLASSES, (23,), generator=generator))


def two_groups():
    """Outputs 0-1 compete with each other, and so do 2-4."""
    group = torch.tensor([0, 0, 1, 1, 1])
    return group.unsqueeze(1) == group


def by_loop(network, examples, allowed, weight_of):
    """Sum over examples x and labels c of weight(p, y, c) (d log p(c|x) / d theta)^2, over N."""
    modes = [m.training for m in network.modules()]
    network.eval()
    parameters = dict(network.named_parameters())
    total = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in parameters.items()}
    for x, y in zip(examples.x, examples.y, strict=True):
        logits = network(x.unsqueeze(0))[0]
        if allowed is not None:
            logits = logits.masked_fill(~allowed[y], float("-inf"))
        log_p = logits.log_softmax(dim=0)
        for c in range(NUM_CLASSES):
            weight = weight_of(log_p.exp(), int(y), c)
            if weight > 0:
                gradients = torch.autograd.grad(log_p[c], parameters.values(), retain_graph=True)
                for name, gradient in zip(parameters, gradients, strict=True):
                    total[name] += weight * gradient.double().square()
    for module, mode in zip(network.modules(), modes, strict=True):
        module.training = mode
    return {name: t / len(examples) for name, t in total.items()}


def assert_close(actual, expected):
    assert actual.keys() == expected.keys()
    for name, tensor in expected.items():
        scale = tensor.abs().max().clamp_min(1e-30)
        assert (actual[name] - tensor).abs().max() / scale < 1e-5, name


WEIGHTS = {
    "all": lambda p, y, c: float(p[c].detach()),
    "empirical": lambda p, y, c: float(y == c),
}


@pytest.mark.parametrize("network", [mlp, cnn])
@pytest.mark.parametrize("allowed", [None, two_groups()], ids=["all compete", "two groups"])
@pytest.mark.parametrize("labels", ["all", "empirical"])
def test_it_equals_the_loop_over_examples_and_labels(network, allowed, labels, examples):
    net = network()
    expected = by_loop(net, examples, allowed, WEIGHTS[labels])
    assert_close(diagonal_fisher(net, examples, allowed, labels), expected)


def test_images_of_three_channels_agree_with_the_loop():
    generator = stream(0, "colour")
    x = torch.randint(0, 256, (5, 3, 4, 4), generator=generator).to(torch.uint8)
    colour = Examples(x, torch.randint(0, NUM_CLASSES, (5,), generator=generator))
    net = make(lambda: nn.Conv2d(3, 2, 3), nn.Flatten, lambda: nn.Linear(8, NUM_CLASSES))
    assert_close(diagonal_fisher(net, colour), by_loop(net, colour, None, WEIGHTS["all"]))


def test_a_class_with_one_example_counts(examples):
    net, one = mlp(), examples[:1]
    fisher = diagonal_fisher(net, one, two_groups())
    assert max(float(value.max()) for value in fisher.values()) > 0
    assert_close(fisher, by_loop(net, one, two_groups(), WEIGHTS["all"]))


def test_the_closed_form_is_used_for_linear_layers_only(examples):
    probe = examples.x[:1]
    assert list(linear_layers(mlp(), probe)) == ["2.", "4.", "6."]
    assert linear_layers(cnn(), probe) is None


def test_shared_and_repeated_layers_leave_the_closed_form_and_agree_with_the_loop(examples):
    with seed_global_generators(1):
        square = nn.Linear(16, 16)
        twin = nn.Linear(16, 16)
        head = nn.Linear(16, 5)
    twin.weight = square.weight
    repeated = nn.Sequential(Scale(), nn.Flatten(), square, nn.Tanh(), square, head)
    shared = nn.Sequential(Scale(), nn.Flatten(), square, nn.Tanh(), twin, head)
    for net in (repeated, shared):
        parameters = list(net.parameters())
        assert linear_layers(net, examples.x[:1]) is None
        diagonal = diagonal_fisher(net, examples)
        assert all(p is q for p, q in zip(parameters, net.parameters(), strict=True))
        assert_close(diagonal, by_loop(net, examples, None, WEIGHTS["all"]))


@pytest.mark.parametrize("network", [mlp, cnn])
@pytest.mark.parametrize("labels", ["all", "sampled", "empirical"])
def test_it_does_not_depend_on_the_batch_size(network, labels, examples):
    net = network()
    whole, split = (
        diagonal_fisher(net, examples, two_groups(), labels, stream(0, "labels"), batch_size=size)
        for size in (512, 3)
    )
    assert_close(split, whole)


@pytest.mark.parametrize("network", [mlp, cnn])
def test_sampled_labels_have_the_exact_fisher_as_their_mean(network, examples):
    net = network()
    exact = diagonal_fisher(net, examples, two_groups())
    draws = 600
    many = Examples(examples.x.repeat(draws, 1, 1, 1), examples.y.repeat(draws))
    sampled = diagonal_fisher(net, many, two_groups(), "sampled", stream(0, "labels"))
    total = sum(float(f.sum()) for f in exact.values())
    assert sum(float(f.sum()) for f in sampled.values()) == pytest.approx(total, rel=0.03)
    for name, f in exact.items():
        assert (sampled[name] - f).abs().max() < 0.1 * f.abs().max(), name


@pytest.mark.parametrize(
    ("room", "batches"), [(8.5, [8, 8, 7]), (1, [1] * 23), (0.5, [1] * 23), (1000, [23])]
)
def test_the_gradients_of_all_examples_are_never_in_memory_at_once(
    room, batches, examples, monkeypatch
):
    """There is room for the gradients of 128 MiB, and for one example's gradient in any case."""
    assert 4 * sensitivity.GRADIENT_ELEMENTS == 128 * 2**20
    network, sizes = cnn(), []
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    monkeypatch.setattr(sensitivity, "GRADIENT_ELEMENTS", int(room * num_parameters))

    def first_output(logits, rows):
        sizes.append(len(logits))
        yield torch.ones(len(logits)), torch.eye(NUM_CLASSES)[:1].expand(len(logits), -1)

    mean_over_examples(network, examples.x, first_output, torch.square)
    assert sizes == batches


def test_outputs_that_may_not_compete_get_no_importance(examples):
    first_group = examples[examples.y < 2]
    fisher = diagonal_fisher(mlp(), first_group, two_groups())
    assert fisher["6.weight"][2:].abs().sum() == 0
    assert (fisher["6.bias"][:2] > 0).all()


def test_a_softmax_of_one_allowed_output_carries_no_information(examples):
    alone = torch.eye(NUM_CLASSES, dtype=torch.bool)
    assert all(f.abs().sum() == 0 for f in diagonal_fisher(mlp(), examples, alone).values())


def test_logistic_regression_by_hand():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    x = torch.tensor([2.0, 3.0]).reshape(1, 1, 1, 2)
    p = 1 / (1 + torch.tensor(-2.0).exp())
    # d log p(c) / d W_kj = (1[c = k] - p_k) x_j, so F_kj = p (1 - p) x_j^2 for both outputs k.
    row = p * (1 - p) * torch.tensor([4.0, 9.0])
    diagonal = diagonal_fisher(net, Examples(x, torch.zeros(1, dtype=torch.int64)))
    assert torch.allclose(diagonal["1.weight"], torch.stack((row, row)))


@pytest.mark.parametrize("network", [mlp, cnn])
def test_gradients_modes_and_running_statistics_are_left_alone(network, examples):
    net = network().train()
    net[1].eval()
    net(examples.x).sum().backward()
    gradients = [p.grad.clone() for p in net.parameters()]
    modes = [m.training for m in net.modules()]
    buffers = [b.clone() for b in net.buffers()]
    diagonal_fisher(net, examples)
    assert modes == [m.training for m in net.modules()]
    assert all(map(torch.equal, buffers, net.buffers()))
    assert all(torch.equal(g, p.grad) for g, p in zip(gradients, net.parameters(), strict=True))
    assert not any(m._forward_hooks for m in net.modules())


@pytest.mark.parametrize("network", [mlp, cnn])
def test_frozen_parameters_are_left_out(network, examples):
    net = network()
    everything = diagonal_fisher(net, examples)
    first = next(net.parameters()).requires_grad_(False)
    rest = diagonal_fisher(net, examples)
    assert len(rest) == len(everything) - 1
    assert all(p is not first for n, p in net.named_parameters() if n in rest)
    assert_close(rest, {name: everything[name] for name in rest})
