"""The search section of a sweep file: how hyperparameters are searched, checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

from orchestrator.errors import RepertoireError, suggest
from orchestrator.stages.components import imported_class, is_dotted
from orchestrator.stages.source import Source
from orchestrator.sweep.algorithms import (
    ALGORITHMS,
    DUTIES,
    FORMER_GRACE_TASKS,
    SCHEDULERS,
    UNFIT,
    Asha,
    Fifo,
    Foreign,
    Grid,
    HyperOpt,
    Median,
    Pbt,
    PerTask,
    Random,
)
from orchestrator.sweep.decoding import abbreviate, decode
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
        require(
            self.num_trials is None or self.num_trials >= 1,
            "num_trials",
            self.num_trials,
            "at least 1",
        )
        require(
            self.on_tasks is None or self.on_tasks >= 1, "on_tasks", self.on_tasks, "at least 1"
        )
        require(self.parallel >= 1, "parallel", self.parallel, "at least 1")


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
        parallel: candidate i is suggested once all up to i - parallel have ended, whoever came
            first: how many run side by side when the algorithm learns, the same on any cluster.
        former_scheduler: what the section meant in release 0.1, where a default was another; None
            if it meant the same. A search that was begun with it goes on with it.
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
    """Return what a search section asks for, after noting the mistakes.

    What is wrong in it is None in the search that is returned (of an objective, no metric is left),
    so that the entries of the file can still be checked against the rest.

    Args:
        given: the section.
        seeds: of the sweep, on which winners are evaluated.
        source: the own code of the sweep.
        mistakes: receives the mistakes, each in a line.
    """
    section = decode(_SearchSection, given, "search", mistakes, salvage=True) or _SearchSection()
    algorithm = None
    if section.algorithm is not None:
        algorithm = _named("algorithm", section.algorithm, ALGORITHMS, source, mistakes)
    elif given.get("algorithm") is None:
        mistakes.append("search.algorithm: is missing")
    scheduler = _named("scheduler", section.scheduler, SCHEDULERS, source, mistakes)
    objective = Objective.parse(section.metric, section.mode, "search", mistakes)
    mistakes.extend(_clashes(section, algorithm, scheduler, objective))
    asked_for = section.num_trials or (None if isinstance(algorithm, Grid) else DEFAULT_TRIALS)
    return Search(
        algorithm=algorithm,
        num_trials=asked_for,
        objective=objective or Objective((), ()),
        scheduler=scheduler,
        seeds=_seeds(section, algorithm, seeds, mistakes),
        on_tasks=section.on_tasks,
        parallel=section.parallel,
        former_scheduler=_former(scheduler, section.scheduler),
    )


def _former(scheduler: Any, given: str | dict[str, Any]) -> Any:
    """Return the scheduler that release 0.1 made of a section, or None if it made the same."""
    stated = isinstance(given, dict) and "grace_tasks" in given
    if stated or not isinstance(scheduler, Asha | Median):
        return None
    return replace(scheduler, grace_tasks=FORMER_GRACE_TASKS)


def _named(
    what: str,
    given: str | dict[str, Any],
    table: Mapping[str, type[Any]],
    source: Source,
    mistakes: list[str],
) -> Any | None:
    """Return the settings of an algorithm or a scheduler: `name`, or `{name: ..., option: ...}`."""
    where = f"search.{what}"
    options = dict(given) if isinstance(given, dict) else {"name": given}
    name = options.pop("name", None)
    if not isinstance(name, str):
        mistakes.append(
            f"{where}: a name is needed, given {abbreviate(given)}; {suggest('', table)}"
        )
        return None
    if name in table:
        return decode(table[name], options, where, mistakes)
    if not is_dotted(name):
        valid = suggest(name, [*table, "a_module:AClass"])
        mistakes.append(f"{where}: unknown {what} {name!r}; {valid}")
        return None
    try:
        cls = imported_class(f"{what} {name!r}", name, source=source)
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        return None
    unfit = next((why for base, why in UNFIT.items() if base in names_of(cls)), None)
    if unfit is not None:
        mistakes.append(f"{where}: {name} {unfit}; valid: {', '.join(table)}")
        return None
    lacking = [duty for duty in DUTIES[what] if not hasattr(cls, duty)]
    if lacking:
        kind = "Searcher" if what == "algorithm" else "TrialScheduler"
        mistakes.append(f"{where}: {name} is no {kind} of Ray Tune: it has no {lacking[0]}()")
        return None
    return Foreign(name, options, source)


def names_of(cls: type[Any]) -> set[str]:
    """Return the names of a class and of its bases."""
    return {base.__name__ for base in cls.__mro__}


def _clashes(
    section: _SearchSection, algorithm: Any, scheduler: Any, objective: Objective | None
) -> list[str]:
    """Return what does not go together, of what could be read."""
    clashes = []
    early = scheduler is not None and not isinstance(scheduler, Fifo)
    several = objective is not None and len(objective.metrics) > 1
    if early and several:
        clashes.append("search.scheduler: with several metrics there is no one order; leave it out")
    if isinstance(algorithm, HyperOpt) and several:
        clashes.append("search.algorithm: hyperopt knows one metric; use optuna, random or grid")
    if isinstance(scheduler, Pbt) and not isinstance(algorithm, Grid | Random | None):
        clashes.append("search.scheduler: pbt draws its candidates itself; use algorithm: random")
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
        clashes += [f"search.{name}: {why}; leave it out" for name, wrong in given.items() if wrong]
    if section.on_tasks is not None and isinstance(scheduler, Pbt):
        clashes.append("search.on_tasks: pbt changes hyperparameters over all tasks; leave it out")
    return clashes


def unused_seed(seeds: list[int]) -> int:
    """Return the first seed above `seeds`, or the greatest below that is none of them."""
    above = max(seeds, default=0) + 1
    return above if above < 2**63 else next(n for n in count(2**63 - 1, -1) if n not in seeds)


def _seeds(
    section: _SearchSection, algorithm: Any, seeds: list[int], mistakes: list[str]
) -> tuple[int, ...]:
    """Return the seeds of the search; by default one that no result is reported on.

    A search on the first tasks is by default on the very seeds of the evaluation, which goes on
    from there: what it selects on is not what is reported.
    """
    if isinstance(algorithm, PerTask) or (section.seeds is None and section.on_tasks):
        return tuple(seeds)
    chosen = [unused_seed(seeds)] if section.seeds is None else section.seeds
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
