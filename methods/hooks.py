"""Hooks that few methods need: the parts of a task's training, and what early stopping looks at."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from methods.examples import Examples
from methods.losses import TaskLoss
from methods.views import Phase, TaskView


class TrainingHooks(TaskLoss):
    """Hooks of the training of a task, beside those of `Method`.

    Attributes:
        learning_rate: of the next step, set by the learner; that of the body where the head has
            another.
        update: of the steps on one batch the number of the next, from 0.
        weight: of the term that `loss` adds to the task's, if that has one; while siblings are
            fused a tensor [], since theirs may differ.
    """

    learning_rate: float = 0.0
    update: int = 0
    weight: float | Tensor = 0.0

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the phases of a task; called once, after `begin_task`."""
        return (Phase(),)

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Prepare for a phase: freeze or release parameters, choose examples.

        A fresh optimiser of the parameters that require gradients, and a fresh schedule, follow it.
        """

    def begin_epoch(self, epoch: int) -> None:
        """Prepare for an epoch of the phase, numbered from 1."""

    def after_epoch(self, epoch: int) -> None:
        """Process the end of an epoch, before early stopping looks at it."""

    def num_updates(self, batch: Examples) -> int:
        """Return the number of steps on a batch, at least 1.

        `after_step` follows each of them; a memory stores the batch where `update` is 0.
        """
        return 1

    def step_kind(self) -> object:
        """Return a hashable label of the next step; steps with equal labels have equal FLOPs."""
        return None

    def growth_flops(self) -> tuple[int, int, int]:
        """Return the FLOPs of what has grown: of a task's first step, each step, consolidation.

        Those by which they exceed what `Config.without_growth` takes, with the state at the sizes
        that it has. As the method is built they are the most that they can be.
        """
        return 0, 0, 0

    def predict_current(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C] of examples of the task that is being learned.

        Early stopping calls it between epochs, in evaluation mode; override it where `predict`
        needs what `end_task` computes.
        """
        return self.predict(x, task)

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C]; `task` is 1..T in the task scenario, else None."""
        raise NotImplementedError
