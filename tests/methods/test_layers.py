"""Taking networks apart: which chains of linear layers are found, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.base import Setting
from methods.parts.layers import head_names, linear_chain, linear_chain_objection
from orchestrator.networks.networks import CNN, MLP, NetworkShape, ResNet18, build_network

GREY = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))


class Pixels(nn.Module):
    def forward(self, x):
        return x.flatten(1).float() / 255


def sequence(*layers):
    return nn.Sequential(Pixels(), *layers)


def test_the_layers_of_an_mlp_are_found_in_the_order_of_their_calls():
    network = build_network(MLP, MLP.Config(hidden=(20, 30)), GREY, 0)
    assert linear_chain(network, GREY.input_shape) == ("body.1", "body.3", "head")


def test_layers_are_ordered_by_call_not_by_name():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)
            self.body = nn.Linear(16, 3)

        def forward(self, x):
            return self.head(self.body(x.flatten(1).float()).relu())

    assert linear_chain(Backwards(), (1, 4, 4)) == ("body", "head")


@pytest.mark.parametrize(
    "network",
    [
        build_network(CNN, CNN.Config(), GREY, 0),
        build_network(ResNet18, ResNet18.Config(), GREY, 0),
        build_network(MLP, MLP.Config(hidden=()), GREY, 0),
        sequence(nn.Linear(784, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2)),
        sequence(nn.Linear(784, 4), nn.PReLU(), nn.Linear(4, 2)),
        sequence(nn.Linear(784, 8), nn.GLU(), nn.Linear(4, 2)),
        sequence(nn.Linear(784, 4), *[nn.Linear(4, 4)] * 2),
    ],
    ids=["cnn", "resnet", "no hidden layer", "statistics", "prelu", "glu", "called twice"],
)
def test_what_is_no_chain_of_linear_layers_is_refused_by_name(network):
    with pytest.raises(ValueError, match=f"{type(network).__name__} is no chain of linear layers"):
        linear_chain(network, GREY.input_shape)


def test_looking_leaves_modes_and_hooks_as_they_were():
    network = build_network(MLP, MLP.Config(), GREY, 0).train()
    linear_chain(network, GREY.input_shape)
    assert network.training
    assert not any(m._forward_pre_hooks for m in network.modules())


@pytest.mark.parametrize(("network", "refused"), [("mlp", 0), ("my:Own", 0), ("cnn", 1)])
def test_built_in_networks_are_judged_by_name_and_a_users_when_it_is_built(network, refused):
    story = linear_chain_objection(Setting("task", 10, (1, 28, 28), network))
    assert (story is not None) == bool(refused)
    assert story is None or network in story


def test_the_head_is_found_and_missed_by_name():
    network = build_network(MLP, MLP.Config(), GREY, 0)
    assert head_names(network) == {"head.weight", "head.bias"}
    with pytest.raises(ValueError, match="Linear has no linear layer named head"):
        head_names(torch.nn.Linear(2, 2))
