"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from methods.base import Examples, Method, TaskView
from orchestrator.errors import Diverged
from orchestrator.networks.networks import allow_single_values
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.augmentation import Augmentation, create_augmentation
from orchestrator.stages.learning.batches import epochs, task_span
from orchestrator.stages.learning.batches import num_steps as num_steps
from orchestrator.stages.learning.early_stopping import EarlyStopping, create_stopping
from orchestrator.stages.learning.forward_pass import autocast, training_mode, uncompiled
from orchestrator.stages.learning.optimizer_state import KeptOptimizer
from orchestrator.stages.learning.optimizers import clip_gradients
from orchestrator.stages.learning.parameter_groups import group_parameters
from orchestrator.stages.learning.schedules import create_scheduler
from orchestrator.stages.learning.training import Training as Training
from orchestrator.stages.learning.training import phase_training
from orchestrator.stages.record import Score

VERSION = 1


@dataclass(frozen=True)
class Trained:
    """The extent of a training, and what it leaves to the next.

    Attributes:
        samples: examples that were trained on, repeats counted.
        epochs: epochs that were begun.
        optimizer: the state of the optimiser, if the training keeps it.
    """

    samples: int = 0
    epochs: int = 0
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)

    def __add__(self, other: Trained) -> Trained:
        return Trained(
            self.samples + other.samples,
            self.epochs + other.epochs,
            {**self.optimizer, **other.optimizer},
        )


def train_task(
    method: Method,
    view: TaskView,
    training: Training,
    meter: FlopMeter,
    parent: Mapping[str, Tensor] | None = None,
    validate: Callable[[], Score] | None = None,
) -> Trained:
    """Train a method on one task, up to but not including `end_task`.

    Args:
        method: with the state of the parent stage; changed in place.
        view: the task, its examples on the device of the method.
        training: epochs or iterations, batches, optimiser, schedule.
        meter: receives the FLOPs.
        parent: the state of the parent stage, from which a kept optimiser goes on.
        validate: scores the method on validation data, for early stopping.

    Raises:
        Diverged: the loss, summed over an epoch, is not finite.
    """
    method.train()
    method.see(view.allowed, training.label_smoothing)
    method.begin_task(view)
    trained = Trained()
    for phase in method.phases(view):
        own = phase_training(training, phase)
        generator = view.stream(" ".join(["augmentation", phase.name]).strip())
        augmentation = create_augmentation(own.read_changes(), generator)
        change = None if augmentation is None else augmentation.change
        method.see(view.allowed, own.label_smoothing, change)
        method.begin_phase(phase, view)
        shown = replace(view, examples=method.examples(view))
        updates = Updates(method, own, shown, meter, phase.name)
        updates.augmentation = augmentation
        updates.kept.restore(parent or {})
        data, state = (view.examples, shown.examples), updates.kept.capture
        stopping = create_stopping(own.early_stopping, method, validate, data, state)
        trained += train_epochs(view.index, epochs(shown, own, phase.name), updates, stopping)
    method.see(view.allowed, training.label_smoothing)  # consolidation is not augmented
    return trained


def train_epochs(
    task: int,
    batches_of_epochs: Iterator[Iterator[Examples]],
    updates: Updates,
    stopping: EarlyStopping | None,
) -> Trained:
    """Train a method for the epochs of one phase of a task, 1..T."""
    samples, epoch, method = 0, 0, updates.method
    total = torch.zeros(())
    with allow_single_values(method), updates.training_mode():
        for epoch, batches in enumerate(batches_of_epochs, 1):
            method.begin_epoch(epoch)
            for batch in batches:
                loss, shown = updates.take(batch)
                total = total + loss
                samples += shown
            story = f"the loss of task {task} is not finite after {samples} examples"
            require_finite(total, story)
            method.after_epoch(epoch)
            if stopping is not None and stopping.is_over(epoch):
                break
    state = updates.kept.capture() if stopping is None else stopping.restore()
    return Trained(samples, epoch, state)


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
    """

    augmentation: Augmentation | None = None

    def __init__(
        self, method: Method, training: Training, view: TaskView, meter: FlopMeter, phase: str
    ) -> None:
        self.method, self._training, self._device = method, training, view.examples.y.device
        self._meter, self._kind = meter, (phase,) if phase else ()
        self._optimizer = make_optimizer(method, training)
        kind = training.optimizer_kind if training.keep_optimizer and not phase else None
        self.kept = KeptOptimizer(method, self._optimizer, kind)
        span = task_span(len(view.examples), training)
        self._scheduler = create_scheduler(training.read_schedule(), self._optimizer, span)

    def training_mode(self) -> AbstractContextManager[None]:
        """Return the context of all steps: how the network computes them."""
        precision, compiled = self._training.precision, self._training.compile
        if compiled:
            self._meter.counting = uncompiled
        return training_mode(self.method.network, precision, compiled, self._device)

    def take(self, batch: Examples) -> tuple[Tensor, int]:
        """Take the steps on a batch; return the sum of their losses [], and of their examples."""
        method, count = self.method, self.method.num_updates(batch)
        total = torch.zeros((), device=batch.y.device)
        method.learning_rate = self._optimizer.param_groups[0]["lr"]
        for update in range(count):
            method.update = update
            kind = (*self._kind, len(batch), method.step_kind())
            total += self._meter.measure(kind, self._step, batch)
        if self._scheduler is not None:
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
        self.method.after_step(batch)
        return loss.detach()


def make_optimizer(method: Method, training: Training) -> torch.optim.Optimizer:
    """Return a fresh optimiser over the parameters that learn."""
    groups = group_parameters(method, training.lr)
    return training.optimizer_class()(groups, **training.optimizer_settings())


def require_finite(value: Tensor, story: str) -> None:
    """Raise Diverged unless all of `value` is finite."""
    if not bool(torch.isfinite(value).all()):
        raise Diverged(story)
