"""The loss of a task: a cross-entropy over the outputs that compete with each label.

Shape legend: B examples, C classes of the head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.examples import Examples


class TaskLoss(nn.Module):
    """Losses of every method, and the values that the learner sets for them in each task."""

    network: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self._forbidden: Tensor | None = None
        self._label_smoothing = 0.0
        self._augmentation: Callable[[Examples], Examples] | None = None

    @final
    def configure_loss(
        self,
        allowed: Tensor | None,
        label_smoothing: float = 0.0,
        augment: Callable[[Examples], Examples] | None = None,
    ) -> None:
        """Set the table of competing outputs, the smoothing of labels in [0, 1) and `augment`.

        The learner calls it before `begin_task`.
        """
        self._forbidden = None if allowed is None else ~allowed
        self._label_smoothing = label_smoothing
        self._augmentation = augment

    @final
    def augment(self, examples: Examples) -> Examples:
        """Return the augmented view of plain examples, such as those of a memory.

        `loss` receives such a view of the batch, and `after_step` the plain batch. Labels and the
        order of the rows stay; without augmentation the examples themselves are returned.
        """
        return examples if self._augmentation is None else self._augmentation(examples)

    @final
    def mask_logits(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return logits [B, C], -inf at outputs that do not compete with each label in y [B]."""
        if self._forbidden is None:
            return logits
        return logits.masked_fill(self._forbidden[y], float("-inf"))

    @final
    def task_loss(self, batch: Examples, logits: Tensor | None = None) -> Tensor:
        """Return the mean cross-entropy [] over each example's allowed outputs.

        The loss of a mixed example is that of both its labels, weighted by their shares, each over
        the outputs that compete with it. With label smoothing e the target of an example is 1 - e
        at its label, plus e / K at each of the K outputs that compete with it.

        Args:
            batch: the examples.
            logits: their scores [B, C]; None computes them.

        Reference: Szegedy et al. 2016, Rethinking the inception architecture for computer vision,
            section 7; there all outputs compete.
        """
        logits = (self.network(batch.x) if logits is None else logits).float()
        if batch.share is not None:
            return self._mixed_loss(batch, logits)
        logits = self.mask_logits(logits, batch.y)
        loss = F.cross_entropy(logits, batch.y)
        if self._label_smoothing == 0:
            return loss
        even = _even_losses(logits).mean()
        return (1 - self._label_smoothing) * loss + self._label_smoothing * even

    def _mixed_loss(self, batch: Examples, logits: Tensor) -> Tensor:
        other, share = batch.mixture()
        total = torch.zeros((), device=logits.device)
        for y, weight in ((batch.y, share), (other, 1 - share)):
            competing = self.mask_logits(logits, y)
            losses = F.cross_entropy(competing, y, reduction="none")
            if self._label_smoothing:
                smooth = self._label_smoothing
                losses = (1 - smooth) * losses + smooth * _even_losses(competing)
            total = total + (weight * losses).mean()
        return total


def _even_losses(logits: Tensor) -> Tensor:
    """Return for each example the mean over its competing outputs of -log p, [B]."""
    out = logits == float("-inf")
    # Outputs that do not compete have log p = -inf, which would be the whole sum.
    log_p = logits.log_softmax(dim=1).masked_fill(out, 0)
    return -(log_p.sum(dim=1) / (~out).sum(dim=1))
