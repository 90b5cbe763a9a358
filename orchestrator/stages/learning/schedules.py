"""Schedules of the learning rate within a task.

A schedule is a factor of `lr` at each step, and begins anew with each task. Lengths are in the unit
that the training is given in: epochs, or iterations. The factors are closed forms, so that they do
not depend on the steps before; they are those of torch's schedulers of the same names. A sweep file
is read by `schedule_options.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, nan
from typing import ClassVar, NamedTuple, SupportsFloat

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from orchestrator.errors import RepertoireError, require


class Span(NamedTuple):
    """A task as a schedule sees it.

    Attributes:
        lr: the rate of the training.
        steps: of the task.
        unit: steps of an epoch; 1 where lengths are in iterations.
    """

    lr: float
    steps: int
    unit: int


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The constant rate, after a linear warm-up; the base of the others.

    One of the user's own is a frozen dataclass that extends it, with `decay` and fields of text,
    numbers or lists of numbers for its options.

    Attributes:
        warmup: epochs over which the rate rises from near 0: at step s of W it is lr (s + 1) / W
            (Goyal et al. 2017, Accurate, large minibatch SGD).
    """

    name: ClassVar[str] = "constant"
    warmup: float = 0.0

    def check(self, lr: float, length: float, unit: str) -> None:
        """Raise ValueError unless the schedule fits a rate and a training of some length."""
        valid = f"in [0, {length:g}), less than the {unit} of training"
        require(0 <= self.warmup < length, "warmup", self.warmup, valid)
        self.check_options(lr, length, unit)

    def check_options(self, lr: float, length: float, unit: str) -> None:
        """Raise ValueError unless the options of a kind of schedule fit the training.

        Args:
            lr: the rate of the training.
            length: of the training.
            unit: of the length, "epochs" or "iterations".
        """

    def factor(self, step: int, span: Span) -> float:
        """Return the factor of the rate at a step, from 0."""
        warm = self.warmup * span.unit
        if step < warm:
            # A warm-up need not be a whole number of steps, so that the last would exceed 1.
            return min(1.0, (step + 1) / warm)
        return self.decay(step, warm, span)

    def decay(self, step: int, warm: float, span: Span) -> float:
        """Return the factor of the rate, at least 0, at a step after the warm-up.

        Args:
            step: from the task's start, the first being 0.
            warm: steps of the warm-up, perhaps no whole number.
            span: the task.
        """
        return 1.0


def create_lr_scheduler(schedule: Schedule, optimizer: Optimizer, span: Span) -> LambdaLR | None:
    """Return the scheduler that follows a schedule; None if the rate is constant.

    Each group of parameters follows it from its own rate. Its `step` is called after each step of
    the optimiser.
    """
    if schedule == Schedule() or not span.steps:
        return None
    spans = [span._replace(lr=group["lr"]) for group in optimizer.param_groups]
    return LambdaLR(optimizer, [partial(_factor, schedule, each) for each in spans])


def _factor(schedule: Schedule, span: Span, step: int) -> float:
    given = schedule.factor(step, span)
    # One of the user's own may return anything; a rate that is no number would train in silence.
    factor = float(given) if isinstance(given, SupportsFloat) else nan
    # LambdaLR asks for one more step than there are.
    if step < span.steps and not 0 <= factor < inf:
        raise RepertoireError(
            f"schedule {type(schedule).__name__}: its factor at step {step} of {span.steps} must "
            f"be a number, at least 0 and finite, given {given!r}"
        )
    return factor
