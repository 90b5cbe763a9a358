"""The algorithms of a search, which draw candidates, and their options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.errors import require
from orchestrator.sweep.options import Options


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


ALGORITHMS: dict[str, type[Any]] = dict(
    grid=Grid, random=Random, optuna=Optuna, hyperopt=HyperOpt, per_task=PerTask
)
