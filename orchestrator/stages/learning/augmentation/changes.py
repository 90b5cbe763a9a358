"""Changes of the images of a batch, with their options; those that mix images: `mixtures.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methods.examples import Examples
from orchestrator.errors import require
from orchestrator.stages.learning.augmentation.colours import color_jitter
from orchestrator.stages.learning.augmentation.image_operations import cutout, flip, pad_crop
from orchestrator.stages.learning.augmentation.rand_augment import BINS, rand_augment

MAX_OPS = 100  # of RandAugment on an image


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of images, drawn for each of them.

    Class attributes:
        mixes: whether it mixes examples, and so their labels.
        channels: of the images that it takes; empty if it takes all.
    """

    name: ClassVar[str]
    mixes: ClassVar[bool] = False
    channels: ClassVar[tuple[int, ...]] = ()

    def check(self) -> None:
        """Raise ValueError unless the options are in range."""
        self._check()

    def _check(self) -> None:
        pass

    def apply(self, examples: Examples, generator: torch.Generator) -> Examples:
        """Return the examples with changed images."""
        return Examples(self._change(examples.x, generator), examples.y)

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PadCrop(Change):
    """Pad with zeros, crop to the size of before.

    Attributes:
        padding: pixels on each side.
    """

    name: ClassVar[str] = "pad_crop"
    padding: int = 4

    def _check(self) -> None:
        require(self.padding >= 1, "padding", self.padding, "at least 1")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return pad_crop(x, generator, self.padding)


@dataclass(frozen=True, kw_only=True)
class Flip(Change):
    """Mirror left to right.

    Attributes:
        p: probability that an image is.
    """

    name: ClassVar[str] = "flip"
    p: float = 0.5

    def _check(self) -> None:
        require(0 <= self.p <= 1, "p", self.p, "in [0, 1]")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return flip(x, generator, self.p)


@dataclass(frozen=True, kw_only=True)
class ColorJitter(Change):
    """Change brightness, contrast, saturation and hue.

    Attributes:
        brightness, contrast, saturation: the factor is drawn from 1 less this to 1 plus this.
        hue: the shift is drawn from minus this to this, in turns of the colour circle.
    """

    name: ClassVar[str] = "color_jitter"
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1

    def _check(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")
        require(0 <= self.hue <= 0.5, "hue", self.hue, "in [0, 0.5]")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        strengths = (self.brightness, self.contrast, self.saturation)
        return color_jitter(x, generator, strengths, self.hue)


@dataclass(frozen=True, kw_only=True)
class RandAugment(Change):
    """Apply random operations, of fourteen.

    Attributes:
        num_ops: operations on an image.
        magnitude: of each operation.
    """

    name: ClassVar[str] = "rand_augment"
    channels: ClassVar[tuple[int, ...]] = (1, 3)
    num_ops: int = 2
    magnitude: int = 9

    def _check(self) -> None:
        valid = f"from 1 to {MAX_OPS}"
        require(1 <= self.num_ops <= MAX_OPS, "num_ops", self.num_ops, valid)
        require(0 <= self.magnitude < BINS, "magnitude", self.magnitude, "from 0 to 30")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return rand_augment(x, generator, self.num_ops, self.magnitude)


@dataclass(frozen=True, kw_only=True)
class Cutout(Change):
    """Set a square to zero.

    Attributes:
        size: its side, in pixels.
    """

    name: ClassVar[str] = "cutout"
    size: int = 8

    def _check(self) -> None:
        require(self.size >= 1, "size", self.size, "at least 1")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return cutout(x, generator, self.size)
