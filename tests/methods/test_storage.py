"""What each method keeps from one task to the next, to the byte, on the networks sweeps name."""

from __future__ import annotations

import pytest
import torch

from methods import METHODS
from methods.base import Outlook
from orchestrator.costs import storage_bytes
from orchestrator.networks import NETWORKS, NetworkShape, build

SHAPES = {
    "mlp": NetworkShape((1, 28, 28), 10, (0.5,), (0.5,)),
    "resnet18": NetworkShape((3, 32, 32), 10, (0.5,) * 3, (0.5,) * 3),
}
NUM_LEARNED = 5


def kept(method, network, config):
    """Bytes by category of a method that has learned five tasks, and of its network's parts."""
    shape, cls = SHAPES[network], NETWORKS[network]
    with torch.device("cpu"):
        net = build(cls, cls.Config(), shape, seed=0)
    outlook = Outlook(shape.num_classes, shape.input_shape, NUM_LEARNED)
    made = METHODS[method](net, METHODS[method].Config(**config), outlook)
    model = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    p = 4 * sum(p.numel() for p in net.parameters())
    head = 4 * sum(p.numel() for p in net.head.parameters())
    found = storage_bytes(made.state_dict(), METHODS[method].storage)
    assert found.pop("model") == model
    return found, {"p": p, "body": p - head, "model": model}


@pytest.mark.parametrize("network", ["mlp", "resnet18"])
@pytest.mark.parametrize(
    ("method", "anchors", "importances"),
    [("l2", 1, 0), ("si", 1, 1), ("mas", 1, 1), ("rwalk", 1, 2), ("ewc", 1, 1)],
)
@pytest.mark.parametrize(("penalise_head", "held"), [(True, "p"), (False, "body")])
def test_penalties_keep_as_many_numbers_as_they_hold_parameters(
    network, method, anchors, importances, penalise_head, held
):
    found, size = kept(method, network, {"penalise_head": penalise_head})
    expected = {"anchor": anchors * size[held], "importance": importances * size[held]}
    assert found == {category: n for category, n in expected.items() if n}


@pytest.mark.parametrize("network", ["mlp", "resnet18"])
def test_ewc_offline_keeps_them_of_every_task(network):
    found, size = kept("ewc", network, {"mode": "offline", "penalise_head": True})
    assert found == {"anchor": NUM_LEARNED * size["p"], "importance": NUM_LEARNED * size["p"]}


@pytest.mark.parametrize("network", ["mlp", "resnet18"])
def test_lwf_keeps_a_second_network_and_a_bit_for_each_class(network):
    found, size = kept("lwf", network, {})
    assert found == {"teacher": size["model"] + SHAPES[network].num_classes}


@pytest.mark.parametrize("network", ["mlp", "resnet18"])
@pytest.mark.parametrize("method", ["finetune", "freeze", "cumulative", "joint"])
def test_references_keep_the_network_alone(network, method):
    assert kept(method, network, {})[0] == {}


def test_the_networks_have_the_parameters_of_the_table():
    assert kept("finetune", "mlp", {})[1]["p"] == 1_913_640
