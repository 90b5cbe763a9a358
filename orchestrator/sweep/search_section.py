"""Reads the search section of a sweep file: how hyperparameters are searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

from orchestrator.errors import RepertoireError, require, suggest
from orchestrator.stages.code.components import import_class, is_dotted
from orchestrator.stages.code.source import Source
from orchestrator.sweep.decoding import abbreviate, decode, read_mapping
from orchestrator.sweep.objective import Objective
from orchestrator.sweep.options import Options
from orchestrator.sweep.search_checks import find_conflicts
from orchestrator.sweep.search_options import (
    ALGORITHMS,
    FORMER_GRACE_TASKS,
    SCHEDULERS,
    Asha,
    CustomClass,
    Grid,
    Median,
    PerTask,
    Search,
)

DEFAULT_TRIALS = 20
OptionKind = Literal["algorithm", "scheduler"]
TABLES: Mapping[OptionKind, Mapping[str, type[Any]]] = {
    "algorithm": ALGORITHMS,
    "scheduler": SCHEDULERS,
}
# The methods that a class by dotted name must have.
REQUIRED_METHODS = {
    "algorithm": ("suggest", "on_trial_complete", "set_search_properties"),
    "scheduler": ("on_trial_result", "choose_trial_to_run", "set_search_properties"),
}
# Classes of Tune's that cannot work here.
UNFIT = {
    "ResourceChangingScheduler": "changes the resources of trials, and those of a sweep are fixed",
}


@dataclass(frozen=True, kw_only=True)
class _SearchSection(Options):
    """The search section as it is written."""

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
    section = decode(_SearchSection, given, "search", mistakes, salvage=True) or _SearchSection()
    algorithm = None
    if section.algorithm is not None:
        algorithm = read_options("algorithm", section.algorithm, source, mistakes)
    elif given.get("algorithm") is None:
        mistakes.append("search.algorithm: is missing")
    scheduler = read_options("scheduler", section.scheduler, source, mistakes)
    former = None
    stated = isinstance(section.scheduler, dict) and "grace_tasks" in section.scheduler
    if isinstance(scheduler, Asha | Median) and not stated:
        former = replace(scheduler, grace_tasks=FORMER_GRACE_TASKS)
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
        former_scheduler=former,
    )


def _read_seeds(
    section: _SearchSection, algorithm: Any, of_sweep: Any, mistakes: list[str]
) -> tuple[int, ...]:
    """Return the seeds of the search; by default one on which no result is reported.

    A search on the first tasks uses the sweep's seeds by default, so that the evaluation continues
    from its stages: results are reported on the later tasks.
    """
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


def read_options(
    what: OptionKind, given: str | dict[str, Any], source: Source, mistakes: list[str]
) -> Any | None:
    """Return the options of an algorithm or a scheduler, or None after noting the mistakes.

    Args:
        what: "algorithm" or "scheduler".
        given: a name, or `{name: ..., option: ...}`.
        source: the user's own code.
        mistakes: receives the mistakes, each in a line.
    """
    where, table = f"search.{what}", TABLES[what]
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
        cls = import_class(f"{what} {name!r}", name, source=source)
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        return None
    objection = _class_objection(what, cls)
    if objection is not None:
        mistakes.append(f"{where}: {name} {objection}")
        return None
    return CustomClass(name, options, source)


def _class_objection(what: OptionKind, cls: type[Any]) -> str | None:
    """Return why a class cannot be used as an algorithm or a scheduler, or None."""
    bases = {base.__name__ for base in cls.__mro__}
    for base, why in UNFIT.items():
        if base in bases:
            return f"{why}; valid: {', '.join(TABLES[what])}"
    missing = [method for method in REQUIRED_METHODS[what] if not hasattr(cls, method)]
    if not missing:
        return None
    kind = "Searcher" if what == "algorithm" else "TrialScheduler"
    return f"is no {kind} of Ray Tune: it has no {missing[0]}()"
