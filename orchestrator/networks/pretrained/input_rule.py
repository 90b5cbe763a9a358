"""How images reach a pretrained body: resized, repeated to its channels, normalised.

Shape legend: B examples, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from orchestrator.benchmarks.datasets.dataset_table import IMAGENET_MEAN, IMAGENET_STD
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.normalise import Normalise

Interpolation = Literal["nearest", "bilinear", "bicubic"]
MAX_SIDE = 4_096  # pixels; two images of more would fill the memory while a sweep is read


@dataclass(frozen=True, kw_only=True)
class InputRule:
    """How images are brought to the form that a body was trained on.

    Attributes:
        size: rows and columns, or one number for both; None: as they are.
        mean, std: of pixels in [0, 1], per channel of the body; None: those of ImageNet for
            backbones of libraries and functions, those of the data for networks of the table.
        interpolation: of the resizing; with anti-aliasing where images shrink.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    size: int | tuple[int, int] | None = field(
        default=None, metadata={"form": "a whole number, or [rows, columns]"}
    )
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: Interpolation = "bilinear"

    def find_mistakes(self) -> Iterator[str]:
        """Yield the mistakes in the values, each with the name of its field."""
        size = (self.size,) if isinstance(self.size, int) else self.size or ()
        if any(not 1 <= side <= MAX_SIDE for side in size):
            yield f"size: {list(size)}; must be at least 1 and at most {MAX_SIDE:,}"
        if (self.mean is None) != (self.std is None):
            yield "mean: must be given together with std"
        elif self.mean is not None and self.std is not None:
            if not self.mean:
                yield "mean: must have a value for each channel, given none"
            elif len(self.mean) != len(self.std):
                given, needed = len(self.std), len(self.mean)
                yield f"std: has {given} values, must have as many as mean: {needed}"
            if any(value <= 0 for value in self.std):
                yield f"std: {list(self.std)}; must be above 0"

    def resolve(self, shape: NetworkShape, of_data: bool) -> Input:
        """Return the size, mean and std that the rule gives images of a shape.

        Args:
            shape: of the images, with their own mean and std.
            of_data: whether images are normalised as the data says where the rule does not say.
        """
        size = self.size if self.size is not None else shape.input_shape[1:]
        size = (size, size) if isinstance(size, int) else (size[0], size[1])
        mean, std = self.mean, self.std
        if mean is None or std is None:
            own = (shape.mean, shape.std)
            mean, std = own if of_data else (IMAGENET_MEAN, IMAGENET_STD)
            # Data may state one value for all of its channels.
            repeats = shape.input_shape[0] if of_data and len(mean) == 1 else 1
            mean, std = mean * repeats, std * repeats
        return Input(size=size, mean=tuple(mean), std=tuple(std), interpolation=self.interpolation)


@dataclass(frozen=True, kw_only=True)
class Input:
    """The form in which a body takes images of one shape: an `InputRule` with all values known.

    Attributes:
        size: rows and columns.
        mean, std: per channel of the body.
        interpolation: of the resizing.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns."""
        return (len(self.mean), *self.size)


class Preparation(Normalise):
    """Images as they are brought to a body; nothing of it is part of a state.

    Args:
        rule: what is done to them.

    Shapes:
        x: uint8 [B, c, h, w], or float in [0, 1]; returns float32 [B, channels, *size].
    """

    def __init__(self, rule: Input) -> None:
        super().__init__(rule.mean, rule.std)
        self.size, self.mode = rule.size, rule.interpolation
        self.channels = len(rule.mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return the images as the body takes them."""
        if tuple(x.shape[2:]) != self.size:
            x = self._resize(x if x.is_floating_point() else x.float() / 255)
        if x.shape[1] == 1 and self.channels > 1:
            x = x.expand(-1, self.channels, -1, -1)
        return super().forward(x)

    def _resize(self, x: Tensor) -> Tensor:
        if self.mode == "nearest":
            return F.interpolate(x, size=self.size, mode="nearest-exact")
        resized = F.interpolate(
            x, size=self.size, mode=self.mode, align_corners=False, antialias=True
        )
        return resized.clamp(0, 1)  # bicubic overshoots
