"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from methods.base import Examples, Method, TaskView
from orchestrator.errors import Diverged, require
from orchestrator.networks.networks import allow_single_values
from orchestrator.stages.costs import FlopMeter

VERSION = 1
MAX_THREADS = 1024

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """How each task is trained; all fields are part of a stage's key.

    Attributes:
        epochs: passes over the task's examples.
        iterations: steps per task, instead of epochs.
        batch_size: examples a step.
        optimizer: sgd, adam or adamw; a fresh one for each task.
        lr: learning rate.
        momentum: of sgd.
        weight_decay: L2 for sgd and adam, decoupled for adamw.
        num_threads: processor threads of a stage; in the key since it can change the last bits.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    epochs: int = 1
    iterations: int | None = None
    batch_size: int = 128
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    lr: float = 1e-3
    momentum: float = 0.0
    weight_decay: float = 0.0
    num_threads: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "num_threads"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        # OpenMP aborts the process if it cannot start the requested threads.
        require(
            self.num_threads <= MAX_THREADS,
            "num_threads",
            self.num_threads,
            f"at most {MAX_THREADS}",
        )
        require(
            self.iterations is None or self.iterations >= 1,
            "iterations",
            self.iterations,
            "at least 1",
        )
        require(0 < self.lr < float("inf"), "lr", self.lr, "above 0 and finite")
        require(0 <= self.momentum < 1, "momentum", self.momentum, "in [0, 1)")
        require(
            self.momentum == 0 or self.optimizer == "sgd",
            "momentum",
            self.momentum,
            "0 unless optimizer is sgd",
        )
        require(
            0 <= self.weight_decay < float("inf"),
            "weight_decay",
            self.weight_decay,
            "at least 0 and finite",
        )
        require(
            self.iterations is None or self.epochs == 1,
            "epochs",
            self.epochs,
            "left out when iterations is given",
        )


def train_task(method: Method, view: TaskView, training: Training, meter: FlopMeter) -> int:
    """Train a method on one task, up to but not including `end_task`.

    Args:
        method: with the state of the parent stage; changed in place.
        view: the task, its examples on the device of the method.
        training: epochs or iterations, batches, optimiser.
        meter: receives the FLOPs.

    Returns:
        The number of examples that were trained on, repeats counted.

    Raises:
        Diverged: the loss, summed over an epoch, is not finite.
    """
    method.train()
    method.see(view.allowed)
    method.begin_task(view)
    shown = replace(view, examples=method.examples(view))
    optimizer = make_optimizer(method, training)
    total = torch.zeros((), device=view.examples.y.device)

    def step(batch: Examples) -> Tensor:
        loss = method.loss(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        method.after_backward()
        optimizer.step()
        method.after_step(batch)
        return loss.detach()

    samples = 0
    with allow_single_values(method):
        for epoch in epochs(shown, training):
            for batch in epoch:
                kind = (len(batch), method.step_kind())
                total += meter.measure(kind, step, batch)
                samples += len(batch)
            require_finite(
                total, f"the loss of task {view.index} is not finite after {samples} examples"
            )
    return samples


def make_optimizer(method: Method, training: Training) -> torch.optim.Optimizer:
    """Return a fresh optimiser over the parameters that learn."""
    learning = [p for p in method.parameters() if p.requires_grad]
    extra = {"momentum": training.momentum} if training.optimizer == "sgd" else {}
    make = OPTIMIZERS[training.optimizer]
    return make(learning, lr=training.lr, weight_decay=training.weight_decay, fused=True, **extra)


def num_steps(num_examples: int, training: Training) -> int:
    """Return the number of training steps on a task of `num_examples` examples."""
    return training.iterations or training.epochs * steps_per_epoch(num_examples, training)


def steps_per_epoch(num_examples: int, training: Training) -> int:
    """Return the number of batches in a pass; the last may be short."""
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
