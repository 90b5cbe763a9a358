"""The search of a sweep: algorithms, which draw candidates, and schedulers, which stop some early.

`search_section.py` reads it from a file; `orchestrator.backends.factory` creates the samplers and
schedulers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import require
from orchestrator.stages.code.source import Source
from orchestrator.sweep.objective import Objective
from orchestrator.sweep.options import Options


@dataclass(frozen=True, kw_only=True)
class Search:
    """How hyperparameters are searched.

    Attributes:
        algorithm: an instance of one of `ALGORITHMS`, or a `CustomClass`.
        num_trials: candidates of each group; None is all points of a grid.
        seeds: of every candidate.
        objective: ranks candidates, on validation data.
        scheduler: an instance of one of `SCHEDULERS`, or a `CustomClass`.
        on_tasks: number of first tasks to select on; None is all.
        parallel: candidate i is drawn once all candidates up to i - parallel have ended, so that a
            learning algorithm draws the same on any cluster.
        former_scheduler: what release 0.1 read as `scheduler`, to continue its searches, or None.
    """

    algorithm: Any
    num_trials: int | None
    seeds: tuple[int, ...]
    objective: Objective
    scheduler: Any
    on_tasks: int | None
    parallel: int
    former_scheduler: Any = None

    @property
    def per_task(self) -> bool:
        """Whether hyperparameters are chosen at each task, within each seed."""
        return isinstance(self.algorithm, PerTask)

    @property
    def uses_grids(self) -> bool:
        """Whether grids are searched, rather than compared."""
        return isinstance(self.algorithm, Grid | PerTask)


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
    """HyperBand (Li et al., 2018): brackets of successive halving, synchronised at each rung."""

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


@dataclass(frozen=True, kw_only=True)
class Grid(Options):
    """Every point of the grids."""


@dataclass(frozen=True, kw_only=True)
class Random(Options):
    """Independent draws."""


@dataclass(frozen=True, kw_only=True)
class Optuna(Options):
    """Optuna's tree-structured Parzen estimator, for one metric or several.

    Attributes:
        startup: random draws before the model is used.
        multivariate: model hyperparameters jointly.
    """

    startup: int = 10
    multivariate: bool = False

    def __post_init__(self) -> None:
        require(self.startup >= 1, "startup", self.startup, "at least 1")


@dataclass(frozen=True, kw_only=True)
class HyperOpt(Options):
    """HyperOpt's tree-structured Parzen estimator (Bergstra et al., 2011).

    Attributes:
        startup: random draws before the model is used.
        gamma: share of the draws that counts as good.
    """

    startup: int = 10
    gamma: float = 0.25

    def __post_init__(self) -> None:
        require(self.startup >= 1, "startup", self.startup, "at least 1")
        require(0 < self.gamma < 1, "gamma", self.gamma, "in (0, 1)")


@dataclass(frozen=True, kw_only=True)
class PerTask(Options):
    """The continual hyperparameter framework (De Lange et al., 2021): one choice per task.

    Attributes:
        margin: share of the most plastic candidate's accuracy that stability may cost.
    """

    margin: float = 0.2

    def __post_init__(self) -> None:
        require(0 <= self.margin < 1, "margin", self.margin, "in [0, 1)")


@dataclass(frozen=True)
class CustomClass:
    """A class of Tune or of the user by dotted name, with the arguments of its constructor.

    Attributes:
        source: the user's own code that defines the class, unless it is installed.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = field(
        default=None, repr=False, compare=False, metadata={"unkeyed": True}
    )


ALGORITHMS: dict[str, type[Any]] = dict(
    grid=Grid, random=Random, optuna=Optuna, hyperopt=HyperOpt, per_task=PerTask
)
SCHEDULERS: dict[str, type[Any]] = dict(
    fifo=Fifo, asha=Asha, hyperband=HyperBand, median=Median, pbt=Pbt
)
