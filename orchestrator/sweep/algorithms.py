"""The options of algorithms, which draw candidates, and of schedulers, which stop some early.

The samplers and schedulers themselves are created by `orchestrator.backends.factory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from orchestrator.stages.source import Source
from orchestrator.sweep.options import FORBID, require

GRACE_TASKS = 2
FORMER_GRACE_TASKS = 1  # the default of release 0.1


@dataclass(frozen=True, kw_only=True)
class Fifo:
    """Every candidate runs to the end."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID


@dataclass(frozen=True, kw_only=True)
class Asha:
    """Asynchronous successive halving (Li et al., 2020): at each rung the worst are stopped.

    Attributes:
        grace_tasks: tasks before the first rung; each next rung is `reduction_factor` times as
            deep. After one task nothing can have been forgotten.
        reduction_factor: one of so many candidates at a rung goes on.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    grace_tasks: int = GRACE_TASKS
    reduction_factor: float = 3.0

    def __post_init__(self) -> None:
        require(self.grace_tasks >= 1, "grace_tasks", self.grace_tasks, "at least 1")
        require(self.reduction_factor > 1, "reduction_factor", self.reduction_factor, "above 1")


@dataclass(frozen=True, kw_only=True)
class HyperBand:
    """HyperBand (Li et al., 2018): brackets of successive halving, each waiting for all of it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    reduction_factor: float = 3.0

    def __post_init__(self) -> None:
        require(self.reduction_factor > 1, "reduction_factor", self.reduction_factor, "above 1")


@dataclass(frozen=True, kw_only=True)
class Median:
    """The median stopping rule (Golovin et al., 2017).

    Attributes:
        grace_tasks: tasks before a candidate may be stopped.
        min_trials: the least number of other candidates to compare with.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    grace_tasks: int = GRACE_TASKS
    min_trials: int = 3

    def __post_init__(self) -> None:
        require(self.grace_tasks >= 1, "grace_tasks", self.grace_tasks, "at least 1")
        require(self.min_trials >= 1, "min_trials", self.min_trials, "at least 1")


@dataclass(frozen=True, kw_only=True)
class Pbt:
    """Population based training (Jaderberg et al., 2017): the worst adopt the best's stage.

    Attributes:
        every_tasks: tasks between two exchanges; all candidates wait for each other there.
        quantile: share of the candidates that adopts, and that is adopted.
        resample: probability of drawing a hyperparameter anew, rather than changing it by a fifth.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    every_tasks: int = 1
    quantile: float = 0.25
    resample: float = 0.25

    def __post_init__(self) -> None:
        require(self.every_tasks >= 1, "every_tasks", self.every_tasks, "at least 1")
        require(0 < self.quantile <= 0.5, "quantile", self.quantile, "above 0 and at most 0.5")
        require(0 <= self.resample <= 1, "resample", self.resample, "in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every point of the grids."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID


@dataclass(frozen=True, kw_only=True)
class Random:
    """Independent draws."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID


@dataclass(frozen=True, kw_only=True)
class Optuna:
    """Optuna's tree-structured Parzen estimator, for one metric or several.

    Attributes:
        startup: random draws before the model is used.
        multivariate: model hyperparameters jointly.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    startup: int = 10
    multivariate: bool = False

    def __post_init__(self) -> None:
        require(self.startup >= 1, "startup", self.startup, "at least 1")


@dataclass(frozen=True, kw_only=True)
class HyperOpt:
    """HyperOpt's tree-structured Parzen estimator (Bergstra et al., 2011).

    Attributes:
        startup: random draws before the model is used.
        gamma: share of the draws that counts as good.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    startup: int = 10
    gamma: float = 0.25

    def __post_init__(self) -> None:
        require(self.startup >= 1, "startup", self.startup, "at least 1")
        require(0 < self.gamma < 1, "gamma", self.gamma, "in (0, 1)")


@dataclass(frozen=True, kw_only=True)
class PerTask:
    """The continual hyperparameter framework (De Lange et al., 2021): chosen anew at each task.

    Attributes:
        margin: share of the most plastic candidate's accuracy that stability may cost.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    margin: float = 0.2

    def __post_init__(self) -> None:
        require(0 <= self.margin < 1, "margin", self.margin, "in [0, 1)")


@dataclass(frozen=True)
class Foreign:
    """A class of Tune's or of the user's own by dotted name, with its constructor's arguments.

    Attributes:
        source: the own code that the class comes from, unless it is installed.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = field(
        default=None, repr=False, compare=False, metadata={"unkeyed": True}
    )


ALGORITHMS: dict[str, type[Any]] = {
    "grid": Grid,
    "random": Random,
    "optuna": Optuna,
    "hyperopt": HyperOpt,
    "per_task": PerTask,
}
SCHEDULERS: dict[str, type[Any]] = {
    "fifo": Fifo,
    "asha": Asha,
    "hyperband": HyperBand,
    "median": Median,
    "pbt": Pbt,
}
