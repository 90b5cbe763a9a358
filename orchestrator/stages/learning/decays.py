"""Schedules that change the rate after the warm-up: factors in closed form, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi
from typing import ClassVar

from orchestrator.errors import require
from orchestrator.stages.learning.schedules import Schedule, Span


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from lr at the end of the warm-up to `min_lr` at the end of the task.

    Attributes:
        min_lr: the rate at the end, below lr.

    Reference: Loshchilov & Hutter 2017, SGDR: Stochastic gradient descent with warm restarts, ICLR.
    """

    name: ClassVar[str] = "cosine"
    min_lr: float = 0.0

    def check_options(self, lr: float, length: float, unit: str) -> None:
        """Raise ValueError unless `min_lr` is below the rate."""
        require(0 <= self.min_lr < lr, "min_lr", self.min_lr, f"in [0, {lr:g}), below lr")

    def decay(self, step: int, warm: float, span: Span) -> float:
        """Return low + (1 - low) (1 + cos(pi t)) / 2 at share t of the way; low is min_lr / lr."""
        low = self.min_lr / span.lr
        return low + (1 - low) * (1 + cos(pi * (step - warm) / (span.steps - warm))) / 2


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """The rate times `gamma` from each milestone on.

    Attributes:
        milestones: in the unit of the training, from the task's start, rising.
        gamma: the factor, in (0, 1].
    """

    name: ClassVar[str] = "multistep"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1

    def check_options(self, lr: float, length: float, unit: str) -> None:
        """Raise ValueError unless the milestones rise within the training."""
        given, ends = list(self.milestones), (0.0, *self.milestones, length)
        rising = all(one < other for one, other in pairwise(ends))
        valid = f"rising {unit} between 0 and {length:g}, the {unit} of training"
        require(bool(given) and rising, "milestones", given, valid)
        require(0 < self.gamma <= 1, "gamma", self.gamma, "in (0, 1]")

    def decay(self, step: int, warm: float, span: Span) -> float:
        """Return gamma to the power of the number of milestones behind the step."""
        return float(self.gamma ** sum(step >= m * span.unit for m in self.milestones))


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    """The rate times `gamma` over each epoch after the warm-up, evenly at each step.

    Attributes:
        gamma: the factor, in (0, 1].
    """

    name: ClassVar[str] = "exponential"
    gamma: float = 0.95

    def check_options(self, lr: float, length: float, unit: str) -> None:
        """Raise ValueError unless `gamma` is in (0, 1]."""
        require(0 < self.gamma <= 1, "gamma", self.gamma, "in (0, 1]")

    def decay(self, step: int, warm: float, span: Span) -> float:
        """Return gamma to the power of the epochs since the warm-up, with their parts."""
        return float(self.gamma ** ((step - warm) / span.unit))


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """From lr / div_factor up to lr, then down to lr / div_factor / final_div_factor.

    Momentum stays as it is.

    Attributes:
        pct_start: share of the task that the rise takes, in [0, 1).
        div_factor: of lr, at the start; at least 1.
        final_div_factor: of the rate at the start, at the end; at least 1.
        anneal_strategy: "cos" or "linear".

    Reference: Smith & Topin 2018, Super-convergence: Very fast training of neural networks using
        large learning rates.
    """

    name: ClassVar[str] = "onecycle"
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal_strategy: str = "cos"

    def check_options(self, lr: float, length: float, unit: str) -> None:
        """Raise ValueError unless the rise and the factors are as its attributes say."""
        valid = "left out, since pct_start is the share of its own rise"
        require(self.warmup == 0, "warmup", self.warmup, valid)
        require(0 <= self.pct_start < 1, "pct_start", self.pct_start, "in [0, 1)")
        for name in ("div_factor", "final_div_factor"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        known = self.anneal_strategy in ("cos", "linear")
        require(known, "anneal_strategy", self.anneal_strategy, "cos or linear")

    def decay(self, step: int, warm: float, span: Span) -> float:
        """Return the factor of the rise, or of the fall after it."""
        low, last = 1 / self.div_factor, span.steps - 1
        # As in torch, the last step of the rise has the rate lr.
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
