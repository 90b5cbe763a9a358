"""The residual network of 32 layers for small images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orchestrator.networks.base import Network, NetworkConfig, NetworkShape, image_objection

WIDTHS = (16, 32, 64)
BLOCKS = 5


class ResNet32(Network):
    """Residual network of 32 layers for small images, usual in class-incremental learning.

    A 3x3 convolution, three stages of five blocks with 16, 32 and 64 channels, and the mean over
    the image. Where a stage halves the image, the shortcut takes every second pixel and fills the
    new channels with zeros, which adds no parameters (option A). The body has 463,504 parameters
    for images of three channels.

    Reference:
        He et al. (2016), Deep residual learning for image recognition, CVPR, section 4.2; the
        network of Rebuffi et al. (2017), iCaRL, CVPR, on CIFAR-100.
    Deviations:
        The channels of zeros come after the others, as in class-incremental code. The linear head
        is drawn as PyTorch draws linear layers. Images of any size are pooled to one value a
        channel.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """The kind of the head."""

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection if the input is no image, else None."""
        return image_objection(shape)

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        self.body = nn.Sequential(
            nn.Conv2d(shape.input_shape[0], WIDTHS[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(),
            *_stages(),
            nn.AdaptiveAvgPool2d(1),
        )
        for layer in self.body.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.head = self.create_head(WIDTHS[-1])


def _stages() -> Iterator[nn.Module]:
    widths = [width for width in WIDTHS for _ in range(BLOCKS)]
    return (_PlainBlock(before, after) for before, after in pairwise([WIDTHS[0], *widths]))


class _PlainBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without parameters."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.stride = 1 if before == after else 2
        self.new_channels = after - before
        self.convolutions = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=self.stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.stride == 2:
            every_second = x[:, :, ::2, ::2]
            shortcut = F.pad(every_second, (0, 0, 0, 0, 0, self.new_channels))
        return torch.relu(self.convolutions(x) + shortcut)
