"""Changes of the images of a batch, by their names in a sweep file, with their options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methods.views import Examples
from orchestrator.errors import require
from orchestrator.stages.learning import image_operations as images


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of images, drawn for each of them.

    Class attributes:
        mixes: whether it mixes examples, and so their labels.
    """

    name: ClassVar[str]
    mixes: ClassVar[bool] = False

    def check(self) -> None:
        """Raise ValueError unless the options are in range."""
        self._check()

    def _check(self) -> None:
        pass

    def on(self, examples: Examples, generator: torch.Generator) -> Examples:
        """Return the examples with changed images."""
        return Examples(self._change(examples.x, generator), examples.y)

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PadCrop(Change):
    """Pad with zeros, crop to the size of before."""

    name: ClassVar[str] = "pad_crop"
    padding: int = 4

    def _check(self) -> None:
        require(self.padding >= 1, "padding", self.padding, "at least 1")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return images.pad_crop(x, generator, self.padding)


@dataclass(frozen=True, kw_only=True)
class Flip(Change):
    """Mirror left to right with probability `p`."""

    name: ClassVar[str] = "flip"
    p: float = 0.5

    def _check(self) -> None:
        require(0 <= self.p <= 1, "p", self.p, "in [0, 1]")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return images.flip(x, generator, self.p)


@dataclass(frozen=True, kw_only=True)
class ColorJitter(Change):
    """Change brightness, contrast, saturation and hue."""

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
        return images.color_jitter(x, generator, strengths, self.hue)


@dataclass(frozen=True, kw_only=True)
class RandAugment(Change):
    """Apply `num_ops` random operations of a magnitude from 0 to 30."""

    name: ClassVar[str] = "rand_augment"
    num_ops: int = 2
    magnitude: int = 9

    def _check(self) -> None:
        require(self.num_ops >= 1, "num_ops", self.num_ops, "at least 1")
        require(0 <= self.magnitude < images.BINS, "magnitude", self.magnitude, "from 0 to 30")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return images.rand_augment(x, generator, self.num_ops, self.magnitude)


@dataclass(frozen=True, kw_only=True)
class Cutout(Change):
    """Set a square of `size` pixels to zero."""

    name: ClassVar[str] = "cutout"
    size: int = 8

    def _check(self) -> None:
        require(self.size >= 1, "size", self.size, "at least 1")

    def _change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return images.cutout(x, generator, self.size)


@dataclass(frozen=True, kw_only=True)
class Mixup(Change):
    """Mix each image with another of the batch, in shares of a Beta(alpha, alpha) law.

    Reference: Zhang et al. 2018, mixup: Beyond empirical risk minimization, ICLR.
    """

    name: ClassVar[str] = "mixup"
    mixes: ClassVar[bool] = True
    alpha: float = 1.0

    def _check(self) -> None:
        require(self.alpha > 0, "alpha", self.alpha, "above 0")

    def on(self, examples: Examples, generator: torch.Generator) -> Examples:
        """Return each example mixed with another, with the labels of both."""
        partner = torch.randperm(len(examples), generator=generator).to(examples.y.device)
        seed = int(torch.randint(2**62, (), generator=generator))
        drawn = np.random.default_rng(seed).beta(self.alpha, self.alpha, len(examples))
        # The larger share is the example's own, so that its label is the one of most of it.
        share = torch.from_numpy(np.maximum(drawn, 1 - drawn)).float().to(examples.y.device)
        x, share = self._mix(examples.x, examples.x[partner], share, generator)
        return Examples(x, examples.y, examples.y[partner], share)

    def _mix(
        self, x: Tensor, other: Tensor, share: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the mixed images, and the shares [B] of the first in them."""
        weight = share.view(-1, 1, 1, 1)
        return weight * images.to_float(x) + (1 - weight) * images.to_float(other), share


@dataclass(frozen=True, kw_only=True)
class CutMix(Mixup):
    """Replace a rectangle of each image by that of another of the batch.

    Reference: Yun et al. 2019, CutMix: Regularization strategy to train strong classifiers with
        localizable features, ICCV; a share of an image is that of its pixels.
    """

    name: ClassVar[str] = "cutmix"

    def _mix(
        self, x: Tensor, other: Tensor, share: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        side = (1 - share).sqrt()
        height, width = ((side * x.shape[axis]).round().long() for axis in (2, 3))
        inside = images.square(x, generator, height, width)
        return torch.where(inside, other, x), 1 - inside.float().mean(dim=(1, 2, 3))


CHANGES: dict[str, type[Change]] = {
    cls.name: cls for cls in (PadCrop, Flip, ColorJitter, RandAugment, Cutout, Mixup, CutMix)
}
