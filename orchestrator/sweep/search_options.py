"""The search section of a sweep file: how hyperparameters are searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

from orchestrator.stages.source import Source
from orchestrator.sweep.algorithms import (
    FORMER_GRACE_TASKS,
    Asha,
    Fifo,
    Grid,
    HyperOpt,
    Median,
    Pbt,
    PerTask,
    Random,
)
from orchestrator.sweep.decoding import abbreviate, decode
from orchestrator.sweep.named_options import read_options
from orchestrator.sweep.objective import Objective
from orchestrator.sweep.options import FORBID, require

DEFAULT_TRIALS = 20


@dataclass(frozen=True, kw_only=True)
class _SearchSection:
    """The search section as it is written."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    algorithm: str | dict[str, Any] | None = None
    num_trials: int | None = None
    seeds: list[int] | None = None
    metric: str | list[str] = "acc"
    mode: str | list[str] | None = None
    scheduler: str | dict[str, Any] = "fifo"
    on_tasks: int | None = None
    parallel: int = 4

    def __post_init__(self) -> None:
        for name in ("num_trials", "on_tasks", "parallel"):
            number = getattr(self, name)
            require(number is None or number >= 1, name, number, "at least 1")


@dataclass(frozen=True, kw_only=True)
class Search:
    """How hyperparameters are searched.

    Attributes:
        algorithm: an instance of one of `ALGORITHMS`, or a `Foreign`.
        num_trials: candidates of each group; None is all points of a grid.
        seeds: every candidate runs on each of them.
        objective: what candidates are ranked by, on validation data.
        scheduler: an instance of one of `SCHEDULERS`, or a `Foreign`.
        on_tasks: select on so many first tasks; None is all.
        parallel: candidate i is drawn once all candidates up to i - parallel have ended: the
            number that runs side by side when the algorithm learns, the same on any cluster.
        former_scheduler: the scheduler that release 0.1 read from the section, where a default
            differed; None if it is the same. A search that was begun with it goes on with it.
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


def read_search(
    given: dict[str, Any], seeds: list[int], source: Source, mistakes: list[str]
) -> Search:
    """Return the search of a search section, after noting the mistakes.

    An option that is wrong is None in the search (an objective has no metrics), so that the entries
    of the file can still be checked against the other options.

    Args:
        given: the section.
        seeds: of the sweep, on which winners are evaluated.
        source: the own code of the sweep.
        mistakes: receives the mistakes, each in a line.
    """
    section = decode(_SearchSection, given, "search", mistakes, salvage=True) or _SearchSection()
    algorithm = None
    if section.algorithm is not None:
        algorithm = read_options("algorithm", section.algorithm, source, mistakes)
    elif given.get("algorithm") is None:
        mistakes.append("search.algorithm: is missing")
    scheduler = read_options("scheduler", section.scheduler, source, mistakes)
    objective = Objective.parse(section.metric, section.mode, "search", mistakes)
    mistakes.extend(_find_conflicts(section, algorithm, scheduler, objective))
    num_trials = section.num_trials or (None if isinstance(algorithm, Grid) else DEFAULT_TRIALS)
    return Search(
        algorithm=algorithm,
        num_trials=num_trials,
        objective=objective or Objective((), ()),
        scheduler=scheduler,
        seeds=_read_seeds(section, algorithm, seeds, mistakes),
        on_tasks=section.on_tasks,
        parallel=section.parallel,
        former_scheduler=_former_scheduler(scheduler, section.scheduler),
    )


def _former_scheduler(scheduler: Any, given: str | dict[str, Any]) -> Any:
    """Return the scheduler that release 0.1 read from a section, or None if it is the same."""
    stated = isinstance(given, dict) and "grace_tasks" in given
    if stated or not isinstance(scheduler, Asha | Median):
        return None
    return replace(scheduler, grace_tasks=FORMER_GRACE_TASKS)


def _find_conflicts(
    section: _SearchSection, algorithm: Any, scheduler: Any, objective: Objective | None
) -> Iterator[str]:
    """Yield the options that exclude each other, of those that could be read."""
    early = scheduler is not None and not isinstance(scheduler, Fifo)
    several = objective is not None and len(objective.metrics) > 1
    if early and several:
        yield "search.scheduler: with several metrics there is no one order; leave it out"
    if isinstance(algorithm, HyperOpt) and several:
        yield "search.algorithm: hyperopt knows one metric; use optuna, random or grid"
    if isinstance(scheduler, Pbt) and not isinstance(algorithm, Grid | Random | None):
        yield "search.scheduler: pbt draws its candidates itself; use algorithm: random"
    if isinstance(algorithm, PerTask):
        given = {
            "scheduler": early,
            "on_tasks": section.on_tasks is not None,
            "num_trials": section.num_trials is not None,
            "seeds": section.seeds is not None,
            "metric": section.metric != "acc",
            "mode": section.mode is not None,
        }
        why = "has no meaning for per_task, which selects at each task within each seed"
        yield from (f"search.{name}: {why}; leave it out" for name in given if given[name])
    if section.on_tasks is not None and isinstance(scheduler, Pbt):
        yield "search.on_tasks: pbt changes hyperparameters over all tasks; leave it out"


def _unused_seed(seeds: list[int]) -> int:
    """Return the first seed above `seeds`, or the greatest below that is none of them."""
    above = max(seeds, default=0) + 1
    return above if above < 2**63 else next(n for n in count(2**63 - 1, -1) if n not in seeds)


def _read_seeds(
    section: _SearchSection, algorithm: Any, seeds: list[int], mistakes: list[str]
) -> tuple[int, ...]:
    """Return the seeds of the search; by default one that no result is reported on.

    A search on the first tasks uses the seeds of the evaluation by default, which goes on from its
    stages: the results that are reported are those of later tasks.
    """
    if isinstance(algorithm, PerTask) or (section.seeds is None and section.on_tasks):
        return tuple(seeds)
    chosen = [_unused_seed(seeds)] if section.seeds is None else section.seeds
    if not chosen or len(set(chosen)) < len(chosen) or min(chosen) < 0:
        valid = "at least one number, each of at least 0 and given once"
        mistakes.append(f"search.seeds: must be {valid}, given {abbreviate(chosen)}")
    shared = sorted(set(chosen) & set(seeds))
    if shared and section.on_tasks is None:
        mistakes.append(
            f"search.seeds: {shared[0]} is also in seeds; a winner reported on the seeds it won on "
            "would look better than it is, so give others"
        )
    return tuple(chosen)
