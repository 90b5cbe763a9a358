"""The schedulers of a search, which stop candidates early, and their options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.errors import require
from orchestrator.sweep.options import Options

# Nothing can have been forgotten after one task: ADR 22.
GRACE_TASKS = 2
FORMER_GRACE_TASKS = 1  # the default of release 0.1


@dataclass(frozen=True, kw_only=True)
class Fifo(Options):
    """Every candidate runs to the end."""


@dataclass(frozen=True, kw_only=True)
class Asha(Options):
    """Asynchronous successive halving (Li et al., 2020): at each rung the worst are stopped.

    Attributes:
        grace_tasks: tasks before the first rung; each next rung is `reduction_factor` times as
            deep. After one task nothing can have been forgotten.
        reduction_factor: one in `reduction_factor` candidates at a rung continues.
    """

    grace_tasks: int = GRACE_TASKS
    reduction_factor: float = 3.0

    def __post_init__(self) -> None:
        require(self.grace_tasks >= 1, "grace_tasks", self.grace_tasks, "at least 1")
        require(self.reduction_factor > 1, "reduction_factor", self.reduction_factor, "above 1")


@dataclass(frozen=True, kw_only=True)
class HyperBand(Options):
    """HyperBand (Li et al., 2018): brackets of successive halving, synchronised at each rung.

    Attributes:
        reduction_factor: one in `reduction_factor` candidates at a rung continues.
    """

    reduction_factor: float = 3.0

    def __post_init__(self) -> None:
        require(self.reduction_factor > 1, "reduction_factor", self.reduction_factor, "above 1")


@dataclass(frozen=True, kw_only=True)
class Median(Options):
    """The median stopping rule (Golovin et al., 2017).

    Attributes:
        grace_tasks: tasks before a candidate may be stopped.
        min_trials: the least number of other candidates to compare with.
    """

    grace_tasks: int = GRACE_TASKS
    min_trials: int = 3

    def __post_init__(self) -> None:
        require(self.grace_tasks >= 1, "grace_tasks", self.grace_tasks, "at least 1")
        require(self.min_trials >= 1, "min_trials", self.min_trials, "at least 1")


@dataclass(frozen=True, kw_only=True)
class Pbt(Options):
    """Population based training (Jaderberg et al., 2017): the worst adopt the best's stage.

    Attributes:
        every_tasks: tasks between two exchanges; all candidates wait for each other there.
        quantile: share of the candidates that adopts, and that is adopted.
        resample: probability of redrawing a hyperparameter instead of changing it by a fifth.
    """

    every_tasks: int = 1
    quantile: float = 0.25
    resample: float = 0.25

    def __post_init__(self) -> None:
        require(self.every_tasks >= 1, "every_tasks", self.every_tasks, "at least 1")
        require(0 < self.quantile <= 0.5, "quantile", self.quantile, "above 0 and at most 0.5")
        require(0 <= self.resample <= 1, "resample", self.resample, "in [0, 1]")


SCHEDULERS: dict[str, type[Any]] = dict(
    fifo=Fifo, asha=Asha, hyperband=HyperBand, median=Median, pbt=Pbt
)
