"""Small convolutional network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import nn

from orchestrator.networks.base import (
    Network,
    NetworkConfig,
    NetworkShape,
    image_objection,
    require_positive,
)


class CNN(Network):
    """A small network: 3x3 convolutions, each halving the image, then a hidden layer."""

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Hyperparameters of the network.

        Attributes:
            channels: of each convolution.
            hidden: width of the hidden layer.
        """

        channels: tuple[int, ...] = (32, 64)
        hidden: int = 128

        def __post_init__(self) -> None:
            require_positive("channels", self.channels)
            require_positive("hidden", self.hidden)

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection if the input is no image or too small, else None.

        Each convolution halves the image.
        """
        if objection := image_objection(shape):
            return objection
        _, height, width = shape.input_shape
        shrunk = 2 ** len(config.channels)
        if min(height, width) >= shrunk:
            return None
        return (
            f"channels: {len(config.channels)} convolutions, each halving the image, need "
            f"images of {shrunk}x{shrunk} pixels or more, not {height}x{width}; name fewer"
        )

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        reason = self.objection(config, shape)
        if reason is not None:
            raise ValueError(reason)
        channels, height, width = shape.input_shape
        shrunk = 2 ** len(config.channels)
        flat = (channels, *config.channels)[-1] * (height // shrunk) * (width // shrunk)
        self.body = nn.Sequential(
            *_convolutions((channels, *config.channels)),
            nn.Flatten(),
            nn.Linear(flat, config.hidden),
            nn.ReLU(),
        )
        self.head = self.create_head(config.hidden)


def _convolutions(channels: tuple[int, ...]) -> Iterator[nn.Module]:
    for before, after in pairwise(channels):
        # Pooling before ReLU gives the same values, and ReLU a quarter of the pixels.
        yield from (nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2), nn.ReLU())
