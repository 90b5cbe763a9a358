"""The loss of a task: a cross-entropy over the outputs that compete with each label.

Shape legend: B examples, C classes of the head.
"""

from __future__ import annotations

from typing import final

import torch.nn.functional as F
from torch import Tensor, nn

from methods.views import Examples


class TaskLoss(nn.Module):
    """What the learner sets for a task, and what every method computes with it."""

    network: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self._forbidden: Tensor | None = None
        self._label_smoothing = 0.0

    @final
    def see(self, allowed: Tensor | None, label_smoothing: float = 0.0) -> None:
        """Set the table of competing outputs and the smoothing of labels in [0, 1).

        The learner calls it before `begin_task`.
        """
        self._forbidden = None if allowed is None else ~allowed
        self._label_smoothing = label_smoothing

    @final
    def masked(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return logits [B, C], -inf at outputs that do not compete with each label in y [B]."""
        if self._forbidden is None:
            return logits
        return logits.masked_fill(self._forbidden[y], float("-inf"))

    @final
    def task_loss(self, batch: Examples, logits: Tensor | None = None) -> Tensor:
        """Return the mean cross-entropy [] over each example's allowed outputs.

        With label smoothing e the target of an example is 1 - e at its label, plus e / K at each of
        the K outputs that compete with it.

        Args:
            batch: the examples.
            logits: their scores [B, C]; None computes them.

        Reference: Szegedy et al. 2016, Rethinking the inception architecture for computer vision,
            section 7; there all outputs compete.
        """
        logits = self.network(batch.x) if logits is None else logits
        logits = self.masked(logits.float(), batch.y)
        loss = F.cross_entropy(logits, batch.y)
        if self._label_smoothing == 0:
            return loss
        out = logits == float("-inf")
        log_p = logits.log_softmax(dim=1).masked_fill(out, 0)
        even = -(log_p.sum(dim=1) / (~out).sum(dim=1)).mean()
        return (1 - self._label_smoothing) * loss + self._label_smoothing * even
