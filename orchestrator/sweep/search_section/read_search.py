"""Reads the search section of a sweep file: how hyperparameters are searched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from orchestrator.errors import require
from orchestrator.stages.code.source import Source
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.options import Options
from orchestrator.sweep.reading.decoding import decode_fields, read_mapping
from orchestrator.sweep.reading.grids import MAX_CONFIGURATIONS
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.search_section.algorithms import Grid, PerTask
from orchestrator.sweep.search_section.conflicts import find_conflicts
from orchestrator.sweep.search_section.named_classes import read_options
from orchestrator.sweep.search_section.schedulers import FORMER_GRACE_TASKS, Asha, Median
from orchestrator.sweep.search_section.search import Search

DEFAULT_TRIALS = 20  # twice Optuna's random start, so that its model draws half of them


@dataclass(frozen=True, kw_only=True)
class SearchSection(Options):
    """The search section as it is written.

    Attributes:
        algorithm: draws the candidates; a name, or a name with options.
        num_trials: candidates of each group; 20, or all points of a grid, if left out.
        seeds: each candidate runs on all of them; the first number above the sweep's if left out.
        metric: the objective on validation data: a metric, a cost, arithmetic on them, or a list of
            several for a Pareto front.
        mode: "max" or "min", for each metric; "min" for costs and forgetting if left out.
        scheduler: stops candidates early; a name, or a name with options.
        on_tasks: rank after this number of first tasks; all if left out.
        parallel: candidates of a group that run at a time if the algorithm learns.
    """

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
        most = f"at most {MAX_CONFIGURATIONS:,}"
        require((self.num_trials or 1) <= MAX_CONFIGURATIONS, "num_trials", self.num_trials, most)


def read_search(content: dict[str, Any], source: Source, mistakes: list[str]) -> Search | None:
    """Return the search of a sweep file; None if it has no search section, or one without keys.

    An option that is wrong is None in the search (an objective has no metrics), so that the entries
    of the file can still be checked against the other options.

    Args:
        content: the whole file.
        source: the user's own code.
        mistakes: receives the mistakes, each in a line.
    """
    given = read_mapping(content, "search", mistakes)
    if given is not content.get("search"):
        return None
    # Without its wrong options, so that the others are still checked against the rest.
    section = (
        decode_fields(SearchSection, given, "search", mistakes, salvage=True) or SearchSection()
    )
    algorithm = None
    if section.algorithm is not None:
        algorithm = read_options("algorithm", section.algorithm, source, mistakes)
    elif given.get("algorithm") is None:
        mistakes.append("search.algorithm: is missing")
    scheduler = read_options("scheduler", section.scheduler, source, mistakes)
    objective = Objective.parse(section.metric, section.mode, "search", mistakes)
    mistakes.extend(find_conflicts(section, algorithm, scheduler, objective))
    return Search(
        algorithm=algorithm,
        num_trials=section.num_trials or (None if isinstance(algorithm, Grid) else DEFAULT_TRIALS),
        objective=objective or Objective((), ()),
        scheduler=scheduler,
        seeds=_read_seeds(section, algorithm, content.get("seeds"), mistakes),
        on_tasks=section.on_tasks,
        parallel=section.parallel,
        former_scheduler=_former_scheduler(scheduler, section),
    )


def _former_scheduler(scheduler: Any, section: SearchSection) -> Any:
    """Return a scheduler with the defaults of release 0.1; None if they make no difference.

    A search that this release began continues with them; see `search.create`.
    """
    stated = isinstance(section.scheduler, dict) and "grace_tasks" in section.scheduler
    if stated or not isinstance(scheduler, Asha | Median):
        return None
    return replace(scheduler, grace_tasks=FORMER_GRACE_TASKS)


def _read_seeds(
    section: SearchSection, algorithm: Any, of_sweep: Any, mistakes: list[str]
) -> tuple[int, ...]:
    """Return the seeds of the search; by default one on which no result is reported.

    A search on the first tasks uses the sweep's seeds by default, so that the evaluation continues
    from its stages: results are reported on the later tasks.
    """
    # The seeds of the file may be wrong, which is noted with the top level.
    seeds = [s for s in of_sweep if isinstance(s, int)] if isinstance(of_sweep, list) else []
    if isinstance(algorithm, PerTask) or (section.seeds is None and section.on_tasks):
        return tuple(seeds)
    chosen = [_choose_seed(seeds)] if section.seeds is None else section.seeds
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


def _choose_seed(seeds: list[int]) -> int:
    """Return the first seed above `seeds`, or the greatest below that is none of them."""
    above = max(seeds, default=0) + 1
    return above if above < 2**63 else next(n for n in count(2**63 - 1, -1) if n not in seeds)
