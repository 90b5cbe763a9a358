"""Multi-layer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import ClassVar

from torch import nn

from orchestrator.networks.base import Network, NetworkConfig, NetworkShape, require_positive


class MLP(Network):
    """Fully connected layers with ReLU, on the pixels of images or on features."""

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Hyperparameters of the network.

        Attributes:
            hidden: widths of the hidden layers; none gives softmax regression on pixels.
        """

        hidden: tuple[int, ...] = (400, 400)

        def __post_init__(self) -> None:
            require_positive("hidden", self.hidden)

    fusible: ClassVar[bool] = True

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        widths = (prod(shape.input_shape), *config.hidden)
        self.body = nn.Sequential(nn.Flatten(), *hidden_layers(widths))
        self.head = self.create_head(widths[-1])


def hidden_layers(widths: tuple[int, ...]) -> list[nn.Module]:
    """Return fully connected layers with ReLU from the first width to the last."""
    return [layer for wide in pairwise(widths) for layer in (nn.Linear(*wide), nn.ReLU())]
