"""Forecast of the number of stages that a search requests, before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.results.units import noun_text, times_text
from orchestrator.search.group_search import GroupSearch
from orchestrator.search.per_task import PerTaskStudy
from orchestrator.search.seed_selection import SeedSelection
from orchestrator.search.study import Study
from orchestrator.stages.stage import Stage

Row = tuple[str, str]


def forecast(study: Study | PerTaskStudy, unpriced: int = 0) -> list[Row]:
    """Return (name, figure) rows; figures that depend on results are upper bounds.

    Args:
        study: a search that has begun, on a journal that is read only.
        unpriced: number of cells of a sweep with means that are not in the search, since their
            prices are missing.
    """
    if unpriced and not parts(study):
        return [("search", f"nothing is priced yet: {cells_text(unpriced)} to solve for")]
    if unpriced:
        rows = forecast_parts(study)
        return [("search", f"{cells_text(unpriced)} more once they are priced"), *rows]
    if study.complete:
        return list(_outcome_rows(study))
    return forecast_parts(study)


def cells_text(count: int) -> str:
    """Return a number of cells as text."""
    return noun_text(str(count), "cell")


def forecast_parts(study: Study | PerTaskStudy) -> list[Row]:
    """Return the rows of a search as far as its groups are known."""
    if isinstance(study, PerTaskStudy):
        return list(_forecast_per_task(study.selections))
    return list(_forecast_study(study))


def parts(study: Study | PerTaskStudy) -> Sequence[GroupSearch | SeedSelection]:
    """Return the searches of a study: by group, or by group and seed."""
    return study.selections if isinstance(study, PerTaskStudy) else study.searches


def _outcome_rows(study: Study | PerTaskStudy) -> Iterator[Row]:
    """Yield the rows of a search that is complete."""
    yield "search", "complete"
    yield "search: candidates", str(_count_candidates(study))
    yield "search: stages asked for", str(study.tally()["asked_for"])
    yield "search: winners", str(len({each.trial.identity for each in study.winners()}))
    for note in [*study.missing_winners(), *study.notes]:
        yield "note", note


def _count_candidates(study: Study | PerTaskStudy) -> int:
    if isinstance(study, PerTaskStudy):
        return sum(len(selection.attempts) for selection in study.selections)
    return sum(len(group_search.candidates) for group_search in study.searches)


def _forecast_study(study: Study) -> Iterator[Row]:
    searches, seeds = study.searches, len(study.sweep.seeds)
    distinct = {stage.key: stage for each in searches for stage in _drawn_stages(each)}
    undrawn = sum(_num_undrawn_stages(each) for each in searches)
    asked_for = sum(_num_drawn_stages(each) for each in searches) + undrawn
    stored = sum(searches[0].scorer.record(stage) is not None for stage in distinct.values())
    tasks = (each.group.first_trial(()).benchmark.num_tasks for each in searches)
    yield "search: groups", str(len(searches))
    yield "search: candidates", str(sum(_num_candidates(each) for each in searches))
    yield "search: stages asked for, at most", str(asked_for)
    yield "search: distinct stages, at most", str(len(distinct) + undrawn)
    yield "search: distinct stages in the store", str(stored)
    left = min(study.tally()["to_go"], len(distinct) + undrawn - stored)
    yield "search: stages left, at most", str(left)
    evaluation = sum(seeds * (num_tasks + 1) for num_tasks in tasks)
    yield "evaluation of winners: stages", f"{evaluation}, one winner a group"
    for note in study.notes:
        yield "note", note


def _num_candidates(group_search: GroupSearch) -> int:
    draws = group_search.state.draws
    return len(draws.candidates) if draws.is_over else draws.limit or 0


def _num_undrawn_stages(group_search: GroupSearch) -> int:
    """Return the stages of candidates that are not drawn yet; all count as distinct."""
    # There is one: a study draws its first candidates when it begins.
    first = group_search.candidates[0]
    undrawn = _num_candidates(group_search) - len(group_search.candidates)
    return undrawn * len(first.chains) * (first.goal + 1)


def _num_drawn_stages(group_search: GroupSearch) -> int:
    return sum(len(c.chains) * (c.goal + 1) for c in group_search.candidates if c.twin is None)


def _drawn_stages(group_search: GroupSearch) -> Iterator[Stage]:
    for candidate in group_search.candidates:
        for chain in candidate.chains.values():
            yield from chain[: candidate.goal + 1]


def _forecast_per_task(selections: list[SeedSelection]) -> Iterator[Row]:
    """Yield the cost of selection at each task, where all candidates of a task have one parent.

    Without the graph each candidate would learn all the tasks before it once more.
    """
    with_graph = without = candidates = 0
    for selection in selections:
        tried = len(selection.plasticity_points) + len(selection.strengths)
        tasks, candidates = selection.num_tasks, max(candidates, tried)
        with_graph += tried * tasks
        # Of T tasks, a candidate of task t learns t: 1 + ... + T.
        without += tried * tasks * (tasks + 1) // 2
    yield "search: groups x seeds", str(len(selections))
    yield "search: candidates a task, at most", str(candidates)
    yield "search: stages, at most", f"{with_graph}, and stage 0"
    yield "search: without the graph", f"{without} ({times_text(without / with_graph)})"
