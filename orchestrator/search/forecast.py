"""What a search will ask for, as far as that can be known before it is run."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.search.group_search import Quest
from orchestrator.search.per_task import Course, PerTaskStudy
from orchestrator.search.study import Study
from orchestrator.stages.stage import Stage

Row = tuple[str, str]


def forecast(searching: Study | PerTaskStudy) -> list[Row]:
    """Return figures of a search and their names; of what depends on results, what it is at most.

    The search must have begun, on a journal that is only read.
    """
    if isinstance(searching, PerTaskStudy):
        return list(_per_task(searching.courses))
    return list(_study(searching))


def _study(study: Study) -> Iterator[Row]:
    quests = study.quests
    distinct = {stage.key: stage for quest in quests for stage in _stages(quest)}
    undrawn = sum(_undrawn(quest) for quest in quests)
    asked = sum(_asked(quest) for quest in quests) + undrawn
    stored = sum(quests[0].judge.record(stage) is not None for stage in distinct.values())
    yield "search: groups", str(len(quests))
    yield "search: candidates", str(sum(_count(quest) for quest in quests))
    yield "search: stages asked for, at most", str(asked)
    yield "search: distinct stages, at most", str(len(distinct) + undrawn)
    yield "search: of these in the store", str(stored)
    seeds = len(study.sweep.seeds)
    stages = sum(seeds * (quest.group.first(()).benchmark.num_tasks + 1) for quest in quests)
    yield "evaluation of winners: stages", f"{stages}, one winner a group"
    for note in study.notes:
        yield "note", note


def _count(quest: Quest) -> int:
    return len(quest.candidates) if quest.draws.over else quest.draws.limit or 0


def _undrawn(quest: Quest) -> int:
    """Return the stages of candidates that are not drawn yet; all count as distinct."""
    first = quest.candidates[0]
    return (_count(quest) - len(quest.candidates)) * len(first.chains) * (first.goal + 1)


def _asked(quest: Quest) -> int:
    return sum(len(c.chains) * (c.goal + 1) for c in quest.candidates if c.twin is None)


def _stages(quest: Quest) -> Iterator[Stage]:
    for candidate in quest.candidates:
        for chain in candidate.chains.values():
            yield from chain[: candidate.goal + 1]


def _per_task(courses: list[Course]) -> Iterator[Row]:
    """Yield what selection at each task costs: all that are tried there have one parent.

    Without the graph each would learn all the tasks before it once more.
    """
    with_graph = without = 0
    for course in courses:
        tried, tasks = len(course.plastic) + len(course.strengths), course.num_tasks
        with_graph += tried * tasks
        without += tried * tasks * (tasks + 1) // 2
    yield "search: groups x seeds", str(len(courses))
    tried = max(len(course.plastic) + len(course.strengths) for course in courses)
    yield "search: candidates a task, at most", str(tried)
    yield "search: stages, at most", f"{with_graph}, and stage 0"
    yield "search: without the graph", f"{without} ({without / with_graph:.3g} times)"
