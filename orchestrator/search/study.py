"""All group searches of a sweep, as a client of the trial graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainWanted, Event
from orchestrator.hashing import digest
from orchestrator.search.candidate import Candidate, winners
from orchestrator.search.group_search import GroupSearch
from orchestrator.search.journal import Journal
from orchestrator.search.ports import Sampler, Scheduler
from orchestrator.search.sampling import Draws
from orchestrator.search.score import Scorer, require_validation
from orchestrator.seeding import derive
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.worker import Order, joined
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.strategies import GRACE_TASKS
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial, chain_of

Laid = tuple[Chain, tuple[Stage, ...]]
_Row = tuple[tuple[str, int, str, bool], Laid]


class Strategies(Protocol):
    """Makes the samplers and schedulers that a sweep asks for."""

    def sampler(self, search: Search, group: Group, seed: int) -> Sampler:
        """Return the sampler for a group."""

    def scheduler(self, search: Search, group: Group, goal: int, seed: int) -> Scheduler:
        """Return the scheduler for candidates that learn `goal` tasks."""


@dataclass(frozen=True)
class Winner:
    """A trial that won, and further columns of its rows in the tables."""

    trial: Trial
    more: Mapping[str, Any]


@dataclass
class Study:
    """The searches of all groups of a sweep.

    Attributes:
        sweep: whose groups are searched.
        searches: one for each group.
        orders: key -> stage, of all that was ever wanted.
        fresh: keys of those that were not in the store when they were first wanted.
    """

    sweep: Sweep
    searches: list[GroupSearch]
    orders: dict[str, Order] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    _rows: dict[tuple[str, int, int], _Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_group = {group_search.group.name: group_search for group_search in self.searches}

    def begin(self) -> list[Event]:
        """Return the first wishes for stages."""
        return self._noted(
            event for group_search in self.searches for event in group_search.begin()
        )

    def on(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return what is wanted because of a piece of news."""
        group_search, candidate = self._whose(news.chain[0])
        return self._noted(group_search.on(candidate, news))

    def _whose(self, chain: str) -> tuple[GroupSearch, Candidate]:
        group, _, number = chain.rpartition("#")
        group_search = self._by_group[group]
        return group_search, group_search.candidates[int(number.partition(".")[0])]

    def _noted(self, events: Iterable[Event]) -> list[Event]:
        """Note the stages that events ask for, so that they can be ordered when they are due."""
        events = list(events)
        for event in events:
            if isinstance(event, ChainWanted):
                candidate, seed = self._whose(event.chain[0])[1], event.chain[1]
                whom = (self.sweep.name, candidate.trial.trial_id, seed)
                keys = {key for key, _ in event.stages}
                for stage in candidate.chains[seed]:
                    if stage.key in keys:
                        self.orders[stage.key] = joined(self.orders.get(stage.key), whom, stage)
                self.fresh |= keys - event.stored
        return events

    @property
    def complete(self) -> bool:
        """Whether every group has all its candidates behind it."""
        return all(
            group_search.draws.over and all(c.over for c in group_search.candidates)
            for group_search in self.searches
        )

    def winners(self) -> list[Winner]:
        """Return the winners of all groups, in the sweep's order."""
        return [
            Winner(candidate.trial, self._said(group_search, candidate))
            for group_search in self.searches
            for candidate in self._won(group_search)
        ]

    def lost(self) -> list[str]:
        """Return why no candidate was chosen, a line for each group where that is so."""
        return [
            f"no candidate of {group_search.group.name} was chosen: {reason(group_search)}"
            for group_search in self.searches
            if not self._won(group_search)
        ]

    def _won(self, group_search: GroupSearch) -> list[Candidate]:
        return winners(group_search.candidates, group_search.search.objective)

    def _said(self, group_search: GroupSearch, candidate: Candidate) -> dict[str, Any]:
        one = candidate.values is not None and len(candidate.values) == 1
        return {
            "group": " ".join(filter(None, (group_search.group.name, candidate.stratum))),
            "candidate": candidate.number,
            "objective": candidate.values[0] if one and candidate.values else None,
        }

    @property
    def notes(self) -> list[str]:
        """What a reader should know of how the groups are searched."""
        return list(
            dict.fromkeys(note for group_search in self.searches for note in notes_of(group_search))
        )

    def chains(self, finished: bool) -> list[tuple[Chain, tuple[Stage, ...]]]:
        """Return each candidate on each seed as results see it; winners only once it is finished.

        A trial has one row on a seed: the evaluation's, if it is evaluated there, else that of the
        first group that drew it.
        """
        taken = {(trial.identity, seed) for trial in self.sweep.trials for seed in trial.seeds}
        rows = []
        for group_search in self.searches:
            won = {c.number for c in self._won(group_search)} if finished else set()
            for candidate in group_search.candidates:
                for seed in candidate.trial.seeds:
                    name = (candidate.trial.identity, seed)
                    if self._has_row(candidate, seed, won) and name not in taken:
                        taken.add(name)
                        rows.append(self._row(group_search, candidate, seed, won))
        return rows

    def _row(
        self, group_search: GroupSearch, candidate: Candidate, seed: int, won: set[int]
    ) -> Laid:
        """Return a candidate's row on a seed; made anew only where the candidate has changed."""
        state = (candidate.status, candidate.life, candidate.story, candidate.number in won)
        name = (group_search.group.name, candidate.number, seed)
        known = self._rows.get(name)
        if known is None or known[0] != state:
            known = self._rows[name] = (state, self._chain(group_search, candidate, seed, won))
        return known[1]

    def _has_row(self, candidate: Candidate, seed: int, won: set[int]) -> bool:
        evaluated = candidate.number in won and seed in self.sweep.seeds
        return candidate.status not in ("twin", "infeasible") and not evaluated

    def _chain(
        self, group_search: GroupSearch, candidate: Candidate, seed: int, won: set[int]
    ) -> Laid:
        decision = candidate.story if candidate.status == "stopped" else ""
        return chain_of(
            self.sweep.name, candidate.trial, seed, phase="search", up_to=candidate.goal,
            steps=candidate.chains[seed], selected=candidate.number in won, decision=decision,
            **self._said(group_search, candidate),
        )  # fmt: skip

    def tally(self) -> dict[str, int]:
        """Return where the searches stand; `to_go` is what there may be at most."""
        drawn = [
            candidate for group_search in self.searches for candidate in group_search.candidates
        ]
        asked_for = sum(candidate.asked_for for candidate in drawn)
        return {
            "trials": len(drawn), "trials_done": sum(c.over for c in drawn),
            "asked_for": asked_for, "shared": max(0, asked_for - len(self.fresh)),
            "to_go": sum(group_search.at_most for group_search in self.searches),
        }  # fmt: skip

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return what was searched, how, and who won, JSON types."""
        notes = {"notes": self.notes} if self.notes else {}
        return (
            describe(self.searches[0].search)
            | notes
            | {
                "groups": {
                    group_search.group.name: {
                        "space": group_search.group.describe(),
                        "winner": [c.trial.trial_id for c in self._won(group_search)]
                        if finished
                        else [],
                        "winners": [
                            describe_winner(group_search, c) for c in self._won(group_search)
                        ]
                        if finished
                        else [],
                    }
                    for group_search in self.searches
                },
            }
        )


def describe_winner(group_search: GroupSearch, candidate: Candidate) -> dict[str, Any]:
    """Return a winner and its hyperparameters by place; those of each task if they change."""
    schedule = [dict(values) for values in candidate.trial.schedule]
    return {
        "trial_id": candidate.trial.trial_id,
        "candidate": candidate.number,
        "benchmark": candidate.stratum,
        "objective": dict(
            zip(group_search.search.objective.metrics, candidate.values or (), strict=True)
        ),
        "hyperparameters": schedule or dict(candidate.point),
    }


def reason(group_search: GroupSearch) -> str:
    """Return why none of a group's candidates can be chosen."""
    undefined = [c for c in group_search.candidates if c.status == "complete" and c.values is None]
    if undefined:
        return f"{len(undefined)} learned all tasks, but {undefined[0].story}"
    return counted(c.status for c in group_search.candidates)


def counted(statuses: Iterable[str]) -> str:
    """Return how many candidates there are of each status."""
    counts = Counter(statuses)
    return ", ".join(f"{n} {status}" for status, n in counts.items()) or "there was none"


def notes_of(group_search: GroupSearch) -> Iterator[str]:
    """Yield what a reader should know of a group's scheduler."""
    grace = getattr(group_search.search.scheduler, "grace_tasks", None)
    name = type(group_search.search.scheduler).__name__.lower()
    if group_search.former:
        yield (
            f"search.scheduler: this search was begun with grace_tasks: {grace}, the default of "
            f"release 0.1, and goes on with it; write {{name: {name}, grace_tasks: "
            f"{GRACE_TASKS}}} to begin it anew with the present default, or {{name: {name}, "
            f"grace_tasks: {grace}}} to keep it"
        )
    elif grace == 1:
        yield (
            f"search.scheduler: with grace_tasks: 1, {name} stops candidates after one task, when "
            f"nothing can have been forgotten; {GRACE_TASKS} or more is advised"
        )


def describe(search: Search) -> dict[str, Any]:
    """Return how hyperparameters are searched, JSON types."""
    algorithm, scheduler = (
        getattr(made, "name", type(made).__name__.lower())
        for made in (search.algorithm, search.scheduler)
    )
    return {
        "algorithm": algorithm, "scheduler": scheduler,
        "metric": list(search.objective.metrics), "mode": list(search.objective.modes),
        "seeds": list(search.seeds), "num_trials": search.num_trials, "on_tasks": search.on_tasks,
    }  # fmt: skip


def study_of(sweep: Sweep, scorer: Scorer, journal: Journal, strategies: Strategies) -> Study:
    """Return the searches of a sweep's groups."""
    search = sweep.search
    if search is None:
        raise ValueError(f"{sweep.name} has no search")
    require_validation(sweep)
    searches = [
        group_search_of(group, search, scorer, journal, strategies) for group in sweep.groups
    ]
    return Study(sweep, searches)


def group_search_of(
    group: Group, search: Search, scorer: Scorer, journal: Journal, strategies: Strategies
) -> GroupSearch:
    """Return the search of a group; its randomness follows from what it is.

    A search that was begun with the default of an earlier release goes on with that.
    """
    name, former = identity(group, search), False
    if search.former_scheduler is not None:
        as_begun = replace(search, scheduler=search.former_scheduler, former_scheduler=None)
        if journal.identity(group.name) == identity(group, as_begun):
            search, name, former = as_begun, identity(group, as_begun), True
    seed = derive(0, "search", name)

    def make_scheduler(stratum: str, goal: int) -> Scheduler:
        return strategies.scheduler(search, group, goal, derive(seed, stratum))

    draws = Draws(strategies.sampler(search, group, seed), search.num_trials, search.parallel)
    return GroupSearch(group, search, name, draws, make_scheduler, scorer, journal, former)


def identity(group: Group, search: Search) -> str:
    """Return what changes when anything does that candidates or their results are made of.

    The number of trials is left out: a search may be made longer. The keys of a trial of the group
    stand for its code, its data and what all candidates have in common.
    """
    first = group.first(search.seeds)
    keys = [stage.key for seed in search.seeds for stage in first.stages(seed)]
    how = [
        type(search.algorithm).__name__, search.algorithm, type(search.scheduler).__name__,
        search.scheduler, search.objective, search.on_tasks, search.parallel,
    ]  # fmt: skip
    return digest("search", [how, keys, group.describe()])
