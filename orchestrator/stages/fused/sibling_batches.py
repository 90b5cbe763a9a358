"""The batches of siblings, each of its own examples in an order of its own.

Shape legend: K siblings, N examples of each, B of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from methods.base import Examples, TaskView
from orchestrator.stages.learning.batches import num_steps, steps_per_epoch
from orchestrator.stages.learning.training import Training


class SiblingBatches:
    """The epochs of siblings.

    Args:
        views: of each its task, with equally many examples.
        training: of all.
    """

    def __init__(self, views: Sequence[TaskView], training: Training) -> None:
        self._examples = [view.examples for view in views]
        self._streams = [view.stream("data order") for view in views]
        self._training, self._device = training, views[0].examples.y.device
        self._together: tuple[Tensor, Tensor, Tensor] | None = None
        if self._device.type != "cpu":
            # One copy of the data, which a GPU has room for, saves 2 K kernels a step.
            x, y = (torch.stack([getattr(e, name) for e in self._examples]) for name in ("x", "y"))
            self._together = x, y, torch.arange(len(views), device=self._device).unsqueeze(1)

    def epochs(self) -> Iterator[Iterator[list[Examples]]]:
        """Yield each epoch as an iterator of the siblings' batches."""
        count, size = len(self._examples[0]), self._training.batch_size
        per_epoch, left = (
            steps_per_epoch(count, self._training),
            num_steps(count, self._training),
        )
        while left > 0 and per_epoch > 0:
            # Drawn on the CPU, as `batches.batches` does, and copied at once.
            orders = torch.stack([torch.randperm(count, generator=own) for own in self._streams])
            shown = orders[:, : min(left, per_epoch) * size].to(self._device, non_blocking=True)
            yield map(self._take, torch.split(shown, size, dim=1))
            left -= per_epoch

    def _take(self, rows: Tensor) -> list[Examples]:
        """Return the batches at rows [K, B]."""
        if self._together is None:
            return [own[each] for own, each in zip(self._examples, rows, strict=True)]
        x, y, siblings = self._together
        pairs = zip(x[siblings, rows].unbind(), y[siblings, rows].unbind(), strict=True)
        return [Examples(*pair) for pair in pairs]
