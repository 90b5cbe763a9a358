"""The table of networks, their initialisation from a seed, and batch norm of single values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from orchestrator.networks.base import Network, NetworkConfig, NetworkShape
from orchestrator.networks.cifar_resnet import ResNet32
from orchestrator.networks.cnn import CNN
from orchestrator.networks.mlp import MLP
from orchestrator.networks.resnet import ResNet18
from orchestrator.networks.vit import ViTTiny
from orchestrator.seeding import derive_seed, seed_global_generators

__all__ = [
    "CNN",
    "MLP",
    "NETWORKS",
    "Network",
    "NetworkConfig",
    "NetworkShape",
    "ResNet18",
    "ResNet32",
    "ViTTiny",
    "build_network",
]

NETWORKS: dict[str, type[Network]] = {
    "mlp": MLP,
    "cnn": CNN,
    "resnet18": ResNet18,
    "resnet32": ResNet32,
    "vit_tiny": ViTTiny,
}


def build_network(
    network_class: type[Network], config: NetworkConfig, shape: NetworkShape, seed: int
) -> Network:
    """Return a fresh network; its weights depend on the seed alone."""
    with seed_global_generators(derive_seed(seed, 0, "initialisation")):
        return network_class(config, shape)


@contextmanager
def allow_single_values(network: nn.Module) -> Iterator[None]:
    """Let layers of batch normalisation take one value per channel in training.

    One example whose map is 1x1, as in the last batch of an epoch or a draw from a memory, has no
    variance, and torch refuses it. Such a batch is normalised by the running statistics, as in
    evaluation, and does not move them; its gradients flow. Larger batches are not touched.
    """
    paused: list[nn.Module] = []

    def pause(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        if layer.training and inputs[0].numel() == inputs[0].shape[1]:
            layer.training = False
            paused.append(layer)

    def resume(layer: nn.Module, _inputs: object, _output: object) -> None:
        if layer in paused:
            paused.remove(layer)
            layer.training = True

    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    handles = [norm.register_forward_pre_hook(pause) for norm in norms]
    handles += [norm.register_forward_hook(resume, always_call=True) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
