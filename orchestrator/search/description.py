"""Descriptions of a search for `search.json` and the terminal: its options, its winners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from orchestrator.search.candidate import Candidate
from orchestrator.search.group_search import GroupSearch
from orchestrator.search.task_candidate import TaskCandidate
from orchestrator.sweep.search_section.schedulers import GRACE_TASKS
from orchestrator.sweep.search_section.search import Search


def describe_search(search: Search) -> dict[str, Any]:
    """Return the options of a search, in JSON types."""
    return {
        "algorithm": _name(search.algorithm),
        "scheduler": _name(search.scheduler),
        "metric": list(search.objective.metrics),
        "mode": list(search.objective.modes),
        "seeds": list(search.seeds),
        "num_trials": search.num_trials,
        "on_tasks": search.on_tasks,
    }


def _name(options: Any) -> str:
    """Return the name of an algorithm or a scheduler as the sweep gives it."""
    return str(getattr(options, "name", type(options).__name__.lower()))


def describe_group(group_search: GroupSearch, winners: Iterable[Candidate]) -> dict[str, Any]:
    """Return the space of a group and its winners, in JSON types."""
    winners = list(winners)
    return {
        "space": group_search.group.describe(),
        "winner": [winner.trial.trial_id for winner in winners],
        "winners": [describe_winner(group_search, winner) for winner in winners],
        "candidates": describe_endings(group_search.candidates),
    }


def describe_endings(candidates: Sequence[Candidate | TaskCandidate]) -> dict[str, Any]:
    """Return the number of candidates of each status, and the reasons of those that ended early."""
    early = [
        {"candidate": number, "status": each.status, "story": each.story.partition("\n")[0]}
        for number, each in enumerate(candidates)
        if each.is_over and each.status != "complete"
    ]
    counts = Counter(each.status for each in candidates)
    return {"number": len(candidates), "statuses": dict(counts), "ended_early": early}


def describe_winner(group_search: GroupSearch, candidate: Candidate) -> dict[str, Any]:
    """Return a winner and its hyperparameters by place; those of each task if they change."""
    schedule = [dict(values) for values in candidate.trial.schedule]
    metrics = group_search.state.search.objective.metrics
    return {
        "trial_id": candidate.trial.trial_id,
        "candidate": candidate.number,
        "benchmark": candidate.stratum,
        "objective": dict(zip(metrics, candidate.values or (), strict=True)),
        "hyperparameters": schedule or dict(candidate.point),
    }


def describe_missing_winner(group_search: GroupSearch) -> str:
    """Return the reason that no candidate of a group was chosen."""
    candidates = group_search.candidates
    undefined = [c for c in candidates if c.status == "complete" and c.values is None]
    if undefined:
        why = f"{len(undefined)} learned all tasks, but {undefined[0].story}"
    else:
        why = count_statuses(c.status for c in candidates)
    return f"no candidate of {group_search.group.title} was chosen: {why}"


def count_statuses(statuses: Iterable[str]) -> str:
    """Return the number of candidates of each status as text."""
    counts = Counter(statuses)
    return ", ".join(f"{n} {status}" for status, n in counts.items()) or "there was none"


def scheduler_notes(group_search: GroupSearch) -> Iterator[str]:
    """Yield notes for the user on the scheduler of a group."""
    scheduler = group_search.state.search.scheduler
    grace, name = getattr(scheduler, "grace_tasks", None), type(scheduler).__name__.lower()
    if group_search.former:
        yield (
            f"search.scheduler: this search was started with grace_tasks: {grace}, the default of "
            f"release 0.1, and continues with it; write {{name: {name}, grace_tasks: "
            f"{GRACE_TASKS}}} to begin it anew with the present default, or {{name: {name}, "
            f"grace_tasks: {grace}}} to keep it"
        )
    elif grace == 1:
        yield (
            f"search.scheduler: with grace_tasks: 1, {name} stops candidates after one task, when "
            f"nothing can have been forgotten; {GRACE_TASKS} or more is advised"
        )
