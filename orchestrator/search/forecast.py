"""What a search will ask for, as far as that can be known before it is run."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.search.group_search import GroupSearch
from orchestrator.search.per_task import PerTaskStudy, SeedSelection
from orchestrator.search.study import Study
from orchestrator.stages.stage import Stage

Row = tuple[str, str]


def forecast(searching: Study | PerTaskStudy) -> list[Row]:
    """Return figures of a search and their names; of what depends on results, what it is at most.

    The search must have begun, on a journal that is only read.
    """
    if isinstance(searching, PerTaskStudy):
        return list(_per_task(searching.selections))
    return list(_study(searching))


def _study(study: Study) -> Iterator[Row]:
    searches = study.searches
    distinct = {stage.key: stage for group_search in searches for stage in _stages(group_search)}
    undrawn = sum(_undrawn(group_search) for group_search in searches)
    asked = sum(_asked(group_search) for group_search in searches) + undrawn
    stored = sum(searches[0].scorer.record(stage) is not None for stage in distinct.values())
    yield "search: groups", str(len(searches))
    yield "search: candidates", str(sum(_count(group_search) for group_search in searches))
    yield "search: stages asked for, at most", str(asked)
    yield "search: distinct stages, at most", str(len(distinct) + undrawn)
    yield "search: of these in the store", str(stored)
    seeds = len(study.sweep.seeds)
    stages = sum(
        seeds * (group_search.group.first(()).benchmark.num_tasks + 1) for group_search in searches
    )
    yield "evaluation of winners: stages", f"{stages}, one winner a group"
    for note in study.notes:
        yield "note", note


def _count(group_search: GroupSearch) -> int:
    return (
        len(group_search.candidates) if group_search.draws.over else group_search.draws.limit or 0
    )


def _undrawn(group_search: GroupSearch) -> int:
    """Return the stages of candidates that are not drawn yet; all count as distinct."""
    first = group_search.candidates[0]
    return (
        (_count(group_search) - len(group_search.candidates)) * len(first.chains) * (first.goal + 1)
    )


def _asked(group_search: GroupSearch) -> int:
    return sum(len(c.chains) * (c.goal + 1) for c in group_search.candidates if c.twin is None)


def _stages(group_search: GroupSearch) -> Iterator[Stage]:
    for candidate in group_search.candidates:
        for chain in candidate.chains.values():
            yield from chain[: candidate.goal + 1]


def _per_task(selections: list[SeedSelection]) -> Iterator[Row]:
    """Yield what selection at each task costs: all that are tried there have one parent.

    Without the graph each would learn all the tasks before it once more.
    """
    with_graph = without = 0
    for selection in selections:
        tried, tasks = len(selection.plastic) + len(selection.strengths), selection.num_tasks
        with_graph += tried * tasks
        without += tried * tasks * (tasks + 1) // 2
    yield "search: groups x seeds", str(len(selections))
    tried = max(len(selection.plastic) + len(selection.strengths) for selection in selections)
    yield "search: candidates a task, at most", str(tried)
    yield "search: stages, at most", f"{with_graph}, and stage 0"
    yield "search: without the graph", f"{without} ({without / with_graph:.3g} times)"
