"""Mixtures of the images of a batch: changes that mix examples, and so their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methods.examples import Examples
from orchestrator.errors import require
from orchestrator.stages.learning.augmentation.changes import Change
from orchestrator.stages.learning.augmentation.image_operations import square, to_float


@dataclass(frozen=True, kw_only=True)
class Mixup(Change):
    """Mix each image with another of the batch.

    Attributes:
        alpha: the shares are drawn from Beta(alpha, alpha).

    Reference: Zhang et al. 2018, mixup: Beyond empirical risk minimization, ICLR.
    """

    name: ClassVar[str] = "mixup"
    mixes: ClassVar[bool] = True
    alpha: float = 1.0

    def _check(self) -> None:
        require(self.alpha > 0, "alpha", self.alpha, "above 0")

    def apply(self, examples: Examples, generator: torch.Generator) -> Examples:
        """Return each example mixed with another, with the labels of both."""
        device = examples.y.device
        partner = torch.randperm(len(examples), generator=generator).to(device, non_blocking=True)
        # torch's Beta law takes no generator, so NumPy draws, seeded from the task's stream.
        seed = int(torch.randint(2**62, (), generator=generator))
        drawn = np.random.default_rng(seed).beta(self.alpha, self.alpha, len(examples))
        # The larger share is the example's own, so that its label is the one of most of it.
        share = torch.from_numpy(np.maximum(drawn, 1 - drawn)).float()
        share = share.to(device, non_blocking=True)
        x, share = self._mix(examples.x, examples.x[partner], share, generator)
        return Examples(x, examples.y, examples.y[partner], share)

    def _mix(
        self, x: Tensor, other: Tensor, share: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the mixed images, and the shares [B] of the first in them."""
        weight = share.view(-1, 1, 1, 1)
        return weight * to_float(x) + (1 - weight) * to_float(other), share


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
        inside = square(x, generator, height, width)
        return torch.where(inside, other, x), 1 - inside.float().mean(dim=(1, 2, 3))
