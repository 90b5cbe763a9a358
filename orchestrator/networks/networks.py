"""The table of networks, and how one is built from a seed."""

from __future__ import annotations

from orchestrator.networks.base import Network, NetworkConfig, NetworkShape
from orchestrator.networks.cnn import CNN
from orchestrator.networks.mlp import MLP
from orchestrator.networks.resnet import ResNet18
from orchestrator.seeding import ambient, derive

__all__ = [
    "CNN",
    "MLP",
    "NETWORKS",
    "Network",
    "NetworkConfig",
    "NetworkShape",
    "ResNet18",
    "build",
]

NETWORKS: dict[str, type[Network]] = {"mlp": MLP, "cnn": CNN, "resnet18": ResNet18}


def build(
    network_class: type[Network], config: NetworkConfig, shape: NetworkShape, seed: int
) -> Network:
    """Return a fresh network: the same seed gives the same weights, whatever was drawn before."""
    with ambient(derive(seed, 0, "initialisation")):
        return network_class(config, shape)
