"""The networks: uint8 images in, one score per output of the head out.

Shape legend: B images, c channels, h rows, w columns, F features, C outputs of the head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from orchestrator.benchmarks._torchvision import torchvision
from orchestrator.seeding import ambient, derive


@dataclass(frozen=True)
class NetworkShape:
    """What a network must fit: its images, its outputs, and how pixels in [0, 1] are normalised."""

    input_shape: tuple[int, int, int]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Normalise(nn.Module):
    """(pixels - mean) / std per channel, as one multiplication and one addition in place.

    Measured on one thread, that is twice as fast as `torch.addcmul`, which broadcasts slowly.

    Shapes:
        x: uint8 [B, c, h, w], or float in [0, 1]; returns float [B, c, h, w].
    """

    shift: Tensor
    scale: Tensor
    byte_scale: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        means, stds = (
            torch.tensor(values, dtype=torch.float64).view(-1, 1, 1) for values in (mean, std)
        )
        for name, values in (
            ("shift", -means / stds),
            ("scale", 1 / stds),
            ("byte_scale", 1 / (255 * stds)),
        ):
            # Known from the benchmark, so no part of the state.
            self.register_buffer(name, values.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised images."""
        return (x * (self.scale if x.is_floating_point() else self.byte_scale)).add_(self.shift)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A network's hyperparameters: frozen, keyword-only, ranges checked in `__post_init__`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


class Network(nn.Module):
    """A body that turns images into features, and a linear head that scores the classes.

    A subclass sets `body` and `head` in its constructor.

    Class attributes:
        version: raised by hand when the same seed gives other weights or other outputs.
    """

    Config: ClassVar[type[NetworkConfig]] = NetworkConfig
    version: ClassVar[int] = 1
    body: nn.Module
    head: nn.Linear

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return why this configuration cannot take such images, if it cannot: "field: reason"."""
        return None

    def __init__(self, config: NetworkConfig, shape: NetworkShape) -> None:
        super().__init__()
        self.config = config
        self.shape = shape
        self.normalise = Normalise(shape.mean, shape.std)

    def fresh(self) -> Network:
        """Return a network of the same shape whose weights are drawn anew, by the constructor."""
        return type(self)(self.config, self.shape)

    def features(self, x: Tensor) -> Tensor:
        """Return the features [B, F] of images [B, c, h, w]."""
        return self.body(self.normalise(x)).flatten(1)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of images [B, c, h, w]."""
        return self.head(self.features(x))  # type: ignore[no-any-return]


class MLP(Network):
    """Fully connected layers with ReLU."""

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Widths of the hidden layers; none gives softmax regression on pixels."""

        hidden: tuple[int, ...] = (400, 400)

        def __post_init__(self) -> None:
            _positive("hidden", *self.hidden)

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        widths = (prod(shape.input_shape), *config.hidden)
        layers = (layer for wide in pairwise(widths) for layer in (nn.Linear(*wide), nn.ReLU()))
        self.body = nn.Sequential(nn.Flatten(), *layers)
        self.head = nn.Linear(widths[-1], shape.num_classes)


class CNN(Network):
    """A small network: 3x3 convolutions, each halving the image, then a hidden layer."""

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Channels of the convolutions, and width of the hidden layer."""

        channels: tuple[int, ...] = (32, 64)
        hidden: int = 128

        def __post_init__(self) -> None:
            _positive("channels", *self.channels)
            _positive("hidden", self.hidden)

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return that the images are too small to be halved so often, if they are."""
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
        self.head = nn.Linear(config.hidden, shape.num_classes)


def _convolutions(channels: tuple[int, ...]) -> Iterator[nn.Module]:
    for before, after in pairwise(channels):
        # Taking the maximum first gives the same values as ReLU first, on a quarter of the pixels.
        yield from (nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2), nn.ReLU())


class ResNet18(Network):
    """Residual network of 18 layers.

    `slim` is the reduced one of continual learning: 20 channels instead of 64, a 3x3 stem, no
    max-pool. `torchvision` is the original for photographs, untrained, its stem fitted to the
    image's channels.

    Reference:
        He et al. (2016), CVPR; slim: Lopez-Paz and Ranzato (2017), NeurIPS, section 5.
    Deviations:
        slim pools each channel to one value whatever the image's size; for the paper's 32x32 that
        is the same.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Which of the two."""

        variant: Literal["slim", "torchvision"] = "slim"

        def __post_init__(self) -> None:
            if self.variant not in ("slim", "torchvision"):
                raise ValueError(f"variant: {self.variant!r}; valid: slim, torchvision")

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        channels = shape.input_shape[0]
        if config.variant == "slim":
            self.body = _slim_resnet18(channels)
            self.head = nn.Linear(8 * SLIM_WIDTH, shape.num_classes)
        else:
            resnet = torchvision().models.resnet18(weights=None, num_classes=shape.num_classes)
            if channels != 3:
                resnet.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
                nn.init.kaiming_normal_(resnet.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.head, resnet.fc = resnet.fc, nn.Identity()
            self.body = resnet


SLIM_WIDTH = 20


def _slim_resnet18(channels: int) -> nn.Sequential:
    stem = (
        nn.Conv2d(channels, SLIM_WIDTH, 3, padding=1, bias=False),
        nn.BatchNorm2d(SLIM_WIDTH),
        nn.ReLU(),
    )
    widths = [SLIM_WIDTH * factor for factor in (1, 1, 2, 4, 8)]
    blocks: list[nn.Module] = []
    for before, after in pairwise(widths):
        blocks += [_Residual(before, after), _Residual(after, after)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1))


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; halves the image where it widens the channels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.convolutions = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride == 2:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=2, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.convolutions(x) + self.shortcut(x))


NETWORKS: dict[str, type[Network]] = {"mlp": MLP, "cnn": CNN, "resnet18": ResNet18}


def build(
    network_class: type[Network], config: NetworkConfig, shape: NetworkShape, seed: int
) -> Network:
    """Return a fresh network: the same seed gives the same weights, whatever was drawn before."""
    with ambient(derive(seed, 0, "initialisation")):
        return network_class(config, shape)


def _positive(name: str, *values: int) -> None:
    if any(value < 1 for value in values):
        raise ValueError(f"{name}: {list(values)} must be whole numbers of at least 1")
