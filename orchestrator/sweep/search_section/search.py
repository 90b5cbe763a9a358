"""The search of a sweep: algorithms, which draw candidates, and schedulers, which stop some early.

`read_search.py` reads it from a file; `orchestrator.backends.factory` creates the samplers and
schedulers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.stages.code.source import Source
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.search_section.algorithms import Grid, PerTask


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
    def is_per_task(self) -> bool:
        """Whether hyperparameters are chosen at each task, within each seed."""
        return isinstance(self.algorithm, PerTask)

    @property
    def uses_grids(self) -> bool:
        """Whether grids are searched, rather than compared."""
        return isinstance(self.algorithm, Grid | PerTask)


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
