"""The steps of a phase's optimiser: loss, gradients, step, and the hooks of the method."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.optim import SGD

from methods.base import Examples, Method, TaskView
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.augmentation.augmentation import Augmentation
from orchestrator.stages.learning.batches import num_steps as num_steps
from orchestrator.stages.learning.batches import task_span
from orchestrator.stages.learning.forward_pass import autocast, pause_compiler, training_mode
from orchestrator.stages.learning.optimizer_state import KeptOptimizer
from orchestrator.stages.learning.optimizers import clip_gradients, unfuse_mixed_steps
from orchestrator.stages.learning.parameter_groups import group_parameters
from orchestrator.stages.learning.schedules import create_lr_scheduler
from orchestrator.stages.learning.training import Training as Training
from orchestrator.stages.without_compiler import spare_optimizers


class Updates:
    """The steps of a phase's optimiser, and of its schedule.

    Args:
        method: the method that they change.
        training: of the phase.
        view: the task, with the examples that an epoch goes through.
        meter: receives the FLOPs.
        phase: its name; steps of different phases may have different FLOPs.

    Attributes:
        method: as given.
        kept: the state of the optimiser that is carried from task to task, if any.
        augmentation: of the batches, if any.
        has_own_length: whether the phase is as long as it says itself, not as the task's training.
    """

    augmentation: Augmentation | None = None
    has_own_length = False

    def __init__(
        self, method: Method, training: Training, view: TaskView, meter: FlopMeter, phase: str
    ) -> None:
        self.method, self._training, self._device = method, training, view.examples.y.device
        self._meter, self._kind = meter, (phase,) if phase else ()
        self._optimizer = make_optimizer(method, training)
        # Phases with a name (a balanced fine-tuning, a compression) have optimisers of their own,
        # which are not kept.
        kind = training.optimizer_kind if training.keep_optimizer and not phase else None
        self.kept = KeptOptimizer(method, self._optimizer, kind)
        span = task_span(len(view.examples), training)
        self._scheduler = create_lr_scheduler(training.read_schedule(), self._optimizer, span)

    def training_mode(self) -> AbstractContextManager[None]:
        """Return the context of all steps: how the network computes them."""
        precision, compiled = self._training.precision, self._training.compile
        if compiled:
            self._meter.counting = pause_compiler
        return training_mode(self.method.network, precision, compiled, self._device)

    def take(self, batch: Examples) -> tuple[Tensor, int]:
        """Take the steps on a batch; return the sum of their losses [], and of their examples."""
        method, count = self.method, self.method.num_updates(batch)
        total, before = torch.zeros((), device=batch.y.device), self._meter.total
        # The body's group comes first.
        method.learning_rate = self._optimizer.param_groups[0]["lr"]
        for update in range(count):
            method.update = update
            # Steps alike cost alike: the FLOPs of each kind are counted once and then added.
            kind = (*self._kind, len(batch), method.step_kind())
            total += self._meter.measure(kind, self._step, batch)
        # Prices are of steps whose number a budget decides; a phase with a length of its own is
        # not.
        if not self.has_own_length:
            self._meter.note_batch(len(batch), self._meter.total - before, *self._kind)
        if self._scheduler is not None:
            # Once a batch, however many steps the method takes on it.
            self._scheduler.step()
        return total, count * len(batch)

    def _step(self, batch: Examples) -> Tensor:
        shown = self.method.augment(batch)
        if self.augmentation is not None:
            shown = self.augmentation.mix(shown)
        with autocast(self._training.precision, self._device):
            loss = self.method.loss(shown)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.method.after_backward()
        if self._training.clip is not None:
            clip_gradients(self.method.parameters(), self._training.clip)
        self._optimizer.step()
        # The plain batch, so that no memory stores augmented examples.
        self.method.after_step(batch)
        return loss.detach()


def make_optimizer(method: Method, training: Training) -> torch.optim.Optimizer:
    """Return a fresh optimiser over the parameters that learn."""
    spare_optimizers()
    groups = group_parameters(method, training.lr)
    optimizer = training.optimizer_class()(groups, **training.optimizer_arguments())
    if type(optimizer) is SGD:
        optimizer.register_step_pre_hook(unfuse_mixed_steps)
    return optimizer
