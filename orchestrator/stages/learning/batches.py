"""The batches of a task: how many there are, and in which order its examples come."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from methods.base import Examples, TaskView
from orchestrator.stages.learning.parameter_groups import lowest_rate
from orchestrator.stages.learning.schedules import Span
from orchestrator.stages.learning.training import Training


def task_span(num_examples: int, training: Training) -> Span:
    """Return a task of `num_examples` examples as the schedule sees it."""
    unit = steps_per_epoch(num_examples, training) if training.iterations is None else 1
    return Span(
        lowest_rate(training.lr), num_steps(num_examples, training) if num_examples else 0, unit
    )


def num_steps(num_examples: int, training: Training) -> int:
    """Return the number of training steps on a task of `num_examples` examples."""
    return training.iterations or training.epochs * steps_per_epoch(num_examples, training)


def steps_per_epoch(num_examples: int, training: Training) -> int:
    """Return the number of batches in a pass; the last may be short, unless it is dropped."""
    if training.drop_last and num_examples >= training.batch_size:
        return num_examples // training.batch_size
    return -(-num_examples // training.batch_size)


def epochs(view: TaskView, training: Training, phase: str = "") -> Iterator[Iterator[Examples]]:
    """Yield each epoch as an iterator of batches, in an order drawn from the task's own stream."""
    generator = view.stream(f"data order of {phase}" if phase else "data order")
    per_epoch = steps_per_epoch(len(view.examples), training)
    left = num_steps(len(view.examples), training)
    while left > 0 and per_epoch > 0:
        # Iterations may end within an epoch.
        yield batches(view.examples, training.batch_size, generator, min(left, per_epoch))
        left -= per_epoch


def batches(
    examples: Examples, size: int, generator: torch.Generator, count: int
) -> Iterator[Examples]:
    """Yield the first `count` batches of a random order; the last of an epoch may be short."""
    # Drawn on the CPU, so that a seed gives the same order on every device.
    order = torch.randperm(len(examples), generator=generator)
    order = order.to(examples.y.device, non_blocking=True)
    for start in range(0, count * size, size):
        yield examples[order[start : start + size]]
