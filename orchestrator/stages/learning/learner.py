"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from methods.base import Examples, Method, TaskView
from orchestrator.errors import Diverged
from orchestrator.networks.networks import allow_single_values
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.held_bytes import held_bytes
from orchestrator.stages.learning.augmentation.augmentation import create_augmentation
from orchestrator.stages.learning.batches import epochs
from orchestrator.stages.learning.batches import num_steps as num_steps
from orchestrator.stages.learning.early_stopping import EarlyStopping, create_stopping
from orchestrator.stages.learning.training import Training as Training
from orchestrator.stages.learning.training import phase_training
from orchestrator.stages.learning.updates import Updates
from orchestrator.stages.record import Score

# Raised by hand when the loop gives other numbers; part of every key.
VERSION = 1


@dataclass(frozen=True)
class Trained:
    """The extent of a training, and what it leaves to the next.

    Attributes:
        samples: examples that were trained on, repeats counted.
        epochs: epochs that were begun.
        optimizer: the state of the optimiser, if the training keeps it.
        working_bytes: what a phase holds at its end, at most; see `held_bytes`.
    """

    samples: int = 0
    epochs: int = 0
    optimizer: Mapping[str, Tensor] = field(default_factory=dict)
    working_bytes: int = 0

    def __add__(self, other: Trained) -> Trained:
        return Trained(
            self.samples + other.samples,
            self.epochs + other.epochs,
            {**self.optimizer, **other.optimizer},
            max(self.working_bytes, other.working_bytes),
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

    A method that takes no steps goes through no phase: no example, epoch or FLOP is counted.

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
    method.configure_loss(view.allowed, training.label_smoothing)
    method.begin_task(view)
    trained = Trained(working_bytes=0 if method.takes_steps else working_bytes(view, method))
    for phase in method.phases(view) if method.takes_steps else ():
        own = phase_training(training, phase)
        generator = view.stream(" ".join(["augmentation", phase.name]).strip())
        augmentation = create_augmentation(own.read_changes(), generator)
        change = None if augmentation is None else augmentation.change
        # Each phase may have another augmentation and smoothing, so the method is told anew.
        method.configure_loss(view.allowed, own.label_smoothing, change)
        method.begin_phase(phase, view)
        shown = replace(view, examples=method.examples(view))
        updates = Updates(method, own, shown, meter, phase.name)
        updates.augmentation = augmentation
        updates.has_own_length = bool({"epochs", "iterations"} & phase.training.keys())
        # After the optimiser was built: its state refers to its parameters.
        updates.kept.restore(parent or {})
        data, state = (view.examples, shown.examples), updates.kept.capture
        stopping = create_stopping(own.early_stopping, method, validate, data, state)
        trained += train_epochs(view, epochs(shown, own, phase.name), updates, stopping)
    method.configure_loss(view.allowed, training.label_smoothing)  # consolidation is not augmented
    return trained


def train_epochs(
    view: TaskView,
    batches_of_epochs: Iterator[Iterator[Examples]],
    updates: Updates,
    stopping: EarlyStopping | None,
) -> Trained:
    """Train a method for the epochs of one phase of a task."""
    samples, epoch, method = 0, 0, updates.method
    total = torch.zeros(())
    with allow_single_values(method), updates.training_mode():
        for epoch, batches in enumerate(batches_of_epochs, 1):
            method.begin_epoch(epoch)
            for batch in batches:
                loss, shown = updates.take(batch)
                total = total + loss
                samples += shown
            # Checked once an epoch: to read the loss of each step would wait for the device.
            raise_if_diverged(total, divergence_story(view.index, samples))
            method.after_epoch(epoch)
            if stopping is not None and stopping.is_over(epoch):
                break
    kept = () if stopping is None else stopping.copies
    held = working_bytes(view, method, updates, kept)
    # With early stopping the weights go back to those of the best epoch, and so does the optimiser.
    state = updates.kept.capture() if stopping is None else stopping.restore()
    return Trained(samples, epoch, state, held)


def working_bytes(view: TaskView, method: Method, *rest: object) -> int:
    """Return the bytes that training holds, without the task's examples and its masks."""
    masks = (view.allowed, method._forbidden)
    data = (view.examples.x, view.examples.y, *(mask for mask in masks if mask is not None))
    return held_bytes((method, *rest), without=data)


def divergence_story(task: int, samples: int) -> str:
    """Return the story of a training whose loss is not finite."""
    return f"the loss of task {task} is not finite after {samples} examples"


def raise_if_diverged(value: Tensor, story: str) -> None:
    """Raise Diverged unless all of `value` is finite."""
    if not bool(torch.isfinite(value).all()):
        raise Diverged(story)
