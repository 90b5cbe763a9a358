"""Freeze: learn the first task, then nothing. Nothing is forgotten and nothing more is learned.

The limit of every penalty whose strength goes to infinity, the output layer included.

State:
    network only; it changes during the first task alone.

Reference:
    None; the bound of stability, as fine-tuning is that of plasticity.

Deviations:
    None. After the first task the loss is a constant that no parameter enters and the network is
    never run: no gradient reaches an optimiser, whatever its rate, momentum or weight decay, no
    running statistic moves, and training costs no FLOPs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.base import Examples, Method, TaskView


class Freeze(Method):
    """Train on the first task alone."""

    _frozen = False

    def begin_task(self, task: TaskView) -> None:
        """Learn the first task only."""
        self._frozen = task.index > 1

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss, or 0 that depends on nothing."""
        if self._frozen:
            return torch.zeros((), device=batch.y.device, requires_grad=True)
        return self.task_loss(batch)

    def step_kind(self) -> object:
        """Return whether the network is run."""
        return self._frozen
