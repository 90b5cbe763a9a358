"""Schedules of the learning rate within a task.

A schedule is a factor of `lr` at each step, and begins anew with each task. Lengths are in the unit
that the training is given in: epochs, or iterations. The factors are closed forms, so that they do
not depend on the steps before; they are those of torch's schedulers of the same names. A sweep file
is read by `schedule_options.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import cos, pi
from typing import ClassVar, NamedTuple

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from orchestrator.errors import require


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
        self._check_options(lr, length, unit)

    def _check_options(self, lr: float, length: float, unit: str) -> None:
        pass

    def factor(self, step: int, span: Span) -> float:
        """Return the factor of the rate at a step, from 0."""
        warm = self.warmup * span.unit
        if step < warm:
            return min(1.0, (step + 1) / warm)
        return self._decay(step, warm, span)

    def _decay(self, step: int, warm: float, span: Span) -> float:
        """Return the factor at a step after `warm` steps of warm-up."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from lr at the end of the warm-up to `min_lr` at the end of the task.

    Reference: Loshchilov & Hutter 2017, SGDR: Stochastic gradient descent with warm restarts, ICLR.
    """

    name: ClassVar[str] = "cosine"
    min_lr: float = 0.0

    def _check_options(self, lr: float, length: float, unit: str) -> None:
        require(0 <= self.min_lr < lr, "min_lr", self.min_lr, f"in [0, {lr:g}), below lr")

    def _decay(self, step: int, warm: float, span: Span) -> float:
        low = self.min_lr / span.lr
        return low + (1 - low) * (1 + cos(pi * (step - warm) / (span.steps - warm))) / 2


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """The rate times `gamma` from each milestone on; milestones count from the task's start."""

    name: ClassVar[str] = "multistep"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1

    def _check_options(self, lr: float, length: float, unit: str) -> None:
        given, ends = list(self.milestones), (0.0, *self.milestones, length)
        rising = all(one < other for one, other in pairwise(ends))
        valid = f"rising {unit} between 0 and {length:g}, the {unit} of training"
        require(bool(given) and rising, "milestones", given, valid)
        require(0 < self.gamma <= 1, "gamma", self.gamma, "in (0, 1]")

    def _decay(self, step: int, warm: float, span: Span) -> float:
        return float(self.gamma ** sum(step >= m * span.unit for m in self.milestones))


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """The rate times `gamma` over each epoch after the warm-up, evenly at each step."""

    name: ClassVar[str] = "exponential"
    gamma: float = 0.95

    def _check_options(self, lr: float, length: float, unit: str) -> None:
        require(0 < self.gamma <= 1, "gamma", self.gamma, "in (0, 1]")

    def _decay(self, step: int, warm: float, span: Span) -> float:
        return float(self.gamma ** ((step - warm) / span.unit))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """From lr / div_factor up to lr, then down to lr / div_factor / final_div_factor.

    The rise takes the share `pct_start` of the task. Momentum stays as it is.

    Reference: Smith & Topin 2018, Super-convergence: Very fast training of neural networks using
        large learning rates.
    """

    name: ClassVar[str] = "onecycle"
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal_strategy: str = "cos"

    def _check_options(self, lr: float, length: float, unit: str) -> None:
        valid = "left out, since pct_start is the share of its own rise"
        require(self.warmup == 0, "warmup", self.warmup, valid)
        require(0 <= self.pct_start < 1, "pct_start", self.pct_start, "in [0, 1)")
        for name in ("div_factor", "final_div_factor"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        known = self.anneal_strategy in ("cos", "linear")
        require(known, "anneal_strategy", self.anneal_strategy, "cos or linear")

    def _decay(self, step: int, warm: float, span: Span) -> float:
        low, last = 1 / self.div_factor, span.steps - 1
        top = max(self.pct_start * span.steps - 1, 0.0)
        if step < top:
            return self.anneal(low, 1.0, step / top)
        fall = (step - top) / (last - top) if last > top else 0.0
        return self.anneal(1.0, low / self.final_div_factor, fall)

    def anneal(self, start: float, end: float, share: float) -> float:
        """Return the value at a share of the way from start to end."""
        way = share if self.anneal_strategy == "linear" else (1 - cos(pi * share)) / 2
        return start + (end - start) * way


SCHEDULES: dict[str, type[Schedule]] = {
    cls.name: cls for cls in (Schedule, Cosine, MultiStep, Exponential, OneCycle)
}


def create_scheduler(schedule: Schedule, optimizer: Optimizer, span: Span) -> LambdaLR | None:
    """Return the scheduler that follows a schedule; None if the rate is constant.

    Each group of parameters follows it from its own rate. Its `step` is called after each step of
    the optimiser.
    """
    if schedule == Schedule() or not span.steps:
        return None
    spans = [span._replace(lr=group["lr"]) for group in optimizer.param_groups]
    return LambdaLR(optimizer, [partial(_factor, schedule, each) for each in spans])


def _factor(schedule: Schedule, span: Span, step: int) -> float:
    return schedule.factor(step, span)
