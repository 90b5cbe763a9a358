"""The output layer of a network is found by its name."""

from __future__ import annotations

import pytest
import torch

from methods.parts.layers import head_names
from orchestrator.networks.networks import MLP, NetworkShape, build_network

GREY = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))


def test_the_head_is_found_and_missed_by_name():
    network = build_network(MLP, MLP.Config(), GREY, 0)
    assert head_names(network) == {"head.weight", "head.bias"}
    with pytest.raises(ValueError, match="Linear has no linear layer named head"):
        head_names(torch.nn.Linear(2, 2))
