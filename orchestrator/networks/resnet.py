"""Residual networks of 18 layers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.networks.base import Network, NetworkConfig, NetworkShape, image_objection


class ResNet18(Network):
    """Residual network of 18 layers.

    `full` is the form for small images: 64 channels, a 3x3 stem, no max-pool. `slim` is the same
    with 20 channels, the reduced form that is usual in continual learning. `torchvision` is the
    original for large images, untrained, with a stem for the image's channels.

    Reference:
        He et al. (2016), CVPR; slim: Lopez-Paz and Ranzato (2017), NeurIPS, section 5.
    Deviations:
        slim and full pool each channel to one value whatever the image's size; for the paper's
        32x32 that is the same.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Hyperparameters of the network.

        Attributes:
            variant: "slim" (20 channels) and "full" (64) are for small images, "torchvision" for
                large ones.
        """

        variant: Literal["slim", "full", "torchvision"] = "slim"

        def __post_init__(self) -> None:
            if self.variant not in (*WIDTHS, "torchvision"):
                valid = ", ".join((*WIDTHS, "torchvision"))
                raise ValueError(f"variant: {self.variant!r}; valid: {valid}")

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection if the input is no image, else None."""
        return image_objection(shape)

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        channels = shape.input_shape[0]
        if config.variant in WIDTHS:
            width = WIDTHS[config.variant]
            self.body = _small_image_resnet18(channels, width)
            self.head = self.create_head(8 * width)
        else:
            resnet = _torchvision_resnet18(channels, shape.num_classes)
            # The body ends with the features; the last layer, drawn already, is the head.
            linear, resnet.fc = resnet.fc, nn.Identity()
            self.body = resnet
            self.head = linear if config.head == "linear" else self.create_head(512)


WIDTHS = {"slim": 20, "full": 64}


def _torchvision_resnet18(channels: int, num_classes: int) -> Any:
    resnet = import_torchvision().models.resnet18(weights=None, num_classes=num_classes)
    if channels != 3:
        resnet.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(resnet.conv1.weight, mode="fan_out", nonlinearity="relu")
    return resnet


def _small_image_resnet18(channels: int, width: int) -> nn.Sequential:
    stem = (
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )
    widths = [width * factor for factor in (1, 1, 2, 4, 8)]
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
