"""The training loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from methods.base import Examples, Method, TaskView
from orchestrator.errors import Diverged
from orchestrator.networks.networks import allow_single_values
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.optimizer_state import capture_optimizer, restore_optimizer
from orchestrator.stages.optimizers import clip_gradients
from orchestrator.stages.parameter_groups import group_parameters, lowest_rate
from orchestrator.stages.schedules import Span, create_scheduler
from orchestrator.stages.training import Training as Training

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


def train_task(
    method: Method,
    view: TaskView,
    training: Training,
    meter: FlopMeter,
    parent: Mapping[str, Tensor] | None = None,
) -> Trained:
    """Train a method on one task, up to but not including `end_task`.

    Args:
        method: with the state of the parent stage; changed in place.
        view: the task, its examples on the device of the method.
        training: epochs or iterations, batches, optimiser, schedule.
        meter: receives the FLOPs.
        parent: the state of the parent stage, from which a kept optimiser goes on.

    Raises:
        Diverged: the loss, summed over an epoch, is not finite.
    """
    method.train()
    method.see(view.allowed, training.label_smoothing)
    method.begin_task(view)
    shown = replace(view, examples=method.examples(view))
    optimizer = make_optimizer(method, training)
    if training.keep_optimizer:
        restore_optimizer(method, optimizer, training.optimizer_kind, parent or {})
    span = task_span(len(shown.examples), training)
    scheduler = create_scheduler(training.read_schedule(), optimizer, span)
    total = torch.zeros((), device=view.examples.y.device)

    def step(batch: Examples) -> Tensor:
        loss = method.loss(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        method.after_backward()
        if training.clip is not None:
            clip_gradients(method.parameters(), training.clip)
        optimizer.step()
        method.after_step(batch)
        return loss.detach()

    samples = begun = 0
    with allow_single_values(method):
        for epoch in epochs(shown, training):
            begun += 1
            for batch in epoch:
                kind = (len(batch), method.step_kind())
                total += meter.measure(kind, step, batch)
                samples += len(batch)
                if scheduler is not None:
                    scheduler.step()
            require_finite(
                total, f"the loss of task {view.index} is not finite after {samples} examples"
            )
    kept = training.keep_optimizer
    state = capture_optimizer(method, optimizer, training.optimizer_kind) if kept else {}
    return Trained(samples, begun, state)


def make_optimizer(method: Method, training: Training) -> torch.optim.Optimizer:
    """Return a fresh optimiser over the parameters that learn."""
    groups = group_parameters(method, training.lr)
    return training.optimizer_class()(groups, **training.optimizer_settings())


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


def epochs(view: TaskView, training: Training) -> Iterator[Iterator[Examples]]:
    """Yield each epoch as an iterator of batches, in an order drawn from the task's own stream."""
    generator = view.stream("data order")
    per_epoch = steps_per_epoch(len(view.examples), training)
    left = num_steps(len(view.examples), training)
    while left > 0 and per_epoch > 0:
        yield batches(view.examples, training.batch_size, generator, min(left, per_epoch))
        left -= per_epoch


def batches(
    examples: Examples, size: int, generator: torch.Generator, count: int
) -> Iterator[Examples]:
    """Yield the first `count` batches of a random order; the last of an epoch may be short."""
    order = torch.randperm(len(examples), generator=generator).to(examples.y.device)
    for start in range(0, count * size, size):
        yield examples[order[start : start + size]]


def require_finite(value: Tensor, story: str) -> None:
    """Raise Diverged unless all of `value` is finite."""
    if not bool(torch.isfinite(value).all()):
        raise Diverged(story)
