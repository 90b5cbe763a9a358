"""The searches of all groups of a sweep, as one client of the trial graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainId, ChainWanted, Event
from orchestrator.search.candidate import Candidate
from orchestrator.search.description import (
    describe_group,
    describe_missing_winner,
    describe_search,
    scheduler_notes,
)
from orchestrator.search.group_search import GroupSearch
from orchestrator.search.winners import ChainStages, Winner, select_winners
from orchestrator.stages.worker import StageOrder, extend_order
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial_chain import trial_chain

_CachedRow = tuple[tuple[str, int, str, bool], ChainStages]


@dataclass
class Study:
    """The searches of all groups of a sweep.

    Attributes:
        sweep: the sweep whose groups are searched.
        searches: one for each group.
        orders: key -> order, of every stage requested so far.
        fresh: keys that were not in the store when they were first requested.
    """

    sweep: Sweep
    searches: list[GroupSearch]
    orders: dict[str, StageOrder] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    _rows: dict[tuple[str, int, int], _CachedRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_group = {group_search.group.name: group_search for group_search in self.searches}

    def begin(self) -> list[Event]:
        """Return the first requests for stages."""
        return self._note_orders(event for each in self.searches for event in each.begin())

    def replay(self) -> None:
        """Begin, and take the steps of the journal; nothing is computed."""
        self.begin()

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the requests that follow from news of a chain."""
        group_search, candidate = self._find_candidate(news.chain[0])
        return self._note_orders(group_search.handle(candidate, news))

    def _find_candidate(self, chain: str) -> tuple[GroupSearch, Candidate]:
        # From the right, since groups may be named `ewc #2`.
        group, _, number = chain.rpartition("#")
        group_search = self._by_group[group]
        return group_search, group_search.candidates[int(number.partition(".")[0])]

    def _note_orders(self, events: Iterable[Event]) -> list[Event]:
        """Note the stages that events request, so that they can be ordered when they are due."""
        events = list(events)
        for event in events:
            if isinstance(event, ChainWanted):
                candidate, seed = self._find_candidate(event.chain[0])[1], event.chain[1]
                computed_for = (self.sweep.name, candidate.trial.trial_id, seed)
                # Of a chain that is requested stage by stage, only those that are requested now.
                keys = {key for key, _ in event.stages}
                for stage in candidate.chains[seed]:
                    if stage.key in keys:
                        order = extend_order(self.orders.get(stage.key), computed_for, stage)
                        self.orders[stage.key] = order
                self.fresh |= keys - event.stored
        return events

    def keys(self, chain: ChainId) -> Iterator[str]:
        """Return the keys of all stages of a chain that was requested."""
        return (stage.key for stage in self._find_candidate(chain[0])[1].chains[chain[1]])

    @property
    def complete(self) -> bool:
        """Whether every candidate of every group is over."""
        return all(
            group_search.state.draws.is_over and all(c.is_over for c in group_search.candidates)
            for group_search in self.searches
        )

    def winners(self) -> list[Winner]:
        """Return the winners of all groups, in the sweep's order."""
        return [
            Winner(candidate.trial, self._columns(group_search, candidate))
            for group_search in self.searches
            for candidate in self._winners(group_search)
        ]

    def missing_winners(self) -> list[str]:
        """Return a line for each group without a winner that says why."""
        return [describe_missing_winner(each) for each in self.searches if not self._winners(each)]

    def _winners(self, group_search: GroupSearch) -> list[Candidate]:
        return select_winners(group_search.candidates, group_search.state.search.objective)

    def _columns(self, group_search: GroupSearch, candidate: Candidate) -> dict[str, Any]:
        values = candidate.values or ()
        return {
            "group": " ".join(filter(None, (group_search.group.name, candidate.stratum))),
            "candidate": candidate.number,
            "objective": values[0] if len(values) == 1 else None,
        }

    @property
    def notes(self) -> list[str]:
        """Notes on the schedulers of the groups, a line each."""
        notes = (note for group_search in self.searches for note in scheduler_notes(group_search))
        return list(dict.fromkeys(notes))

    def chains(self, finished: bool) -> list[ChainStages]:
        """Return the rows of candidates, one for each seed, with their stages.

        A trial has one row on a seed: the evaluation's, if it is evaluated there, else that of the
        first group that drew it.

        Args:
            finished: whether the search is complete, so that its winners are known.
        """
        # A trial that the file lists is evaluated anyway; its row is the evaluation's.
        taken = {(trial.identity, seed) for trial in self.sweep.trials for seed in trial.seeds}
        rows = []
        for group_search in self.searches:
            winners = {c.number for c in self._winners(group_search)} if finished else set()
            for candidate in group_search.candidates:
                for seed in candidate.trial.seeds:
                    name = (candidate.trial.identity, seed)
                    if self._has_row(candidate, seed, winners) and name not in taken:
                        taken.add(name)
                        won = candidate.number in winners
                        rows.append(self._row(group_search, candidate, seed, won))
        return rows

    def _has_row(self, candidate: Candidate, seed: int, winners: set[int]) -> bool:
        # The row of a winner on a seed of the evaluation is the evaluation's.
        evaluated = candidate.number in winners and seed in self.sweep.seeds
        return candidate.status not in ("twin", "infeasible") and not evaluated

    def _row(
        self, group_search: GroupSearch, candidate: Candidate, seed: int, won: bool
    ) -> ChainStages:
        """Return a candidate's row on a seed, built again only if the candidate has changed."""
        state = (candidate.status, candidate.generation, candidate.story, won)
        name = (group_search.group.name, candidate.number, seed)
        # Tables are written often, and few of many candidates have changed since the last time.
        cached = self._rows.get(name)
        if cached is None or cached[0] != state:
            cached = self._rows[name] = (state, self._chain(group_search, candidate, seed, won))
        return cached[1]

    def _chain(
        self, group_search: GroupSearch, candidate: Candidate, seed: int, won: bool
    ) -> ChainStages:
        return trial_chain(
            self.sweep.name,
            candidate.trial,
            seed,
            phase="search",
            up_to=candidate.goal,
            steps=candidate.chains[seed],
            selected=won,
            decision=candidate.story if candidate.status == "stopped" else "",
            **self._columns(group_search, candidate),
        )

    def tally(self) -> dict[str, int]:
        """Return the counts of trials and stages; `to_go` is an upper bound."""
        drawn = [candidate for each in self.searches for candidate in each.candidates]
        asked_for = sum(candidate.stages_requested for candidate in drawn)
        return {
            "trials": len(drawn),
            "trials_done": sum(c.is_over for c in drawn),
            "asked_for": asked_for,
            "shared": max(0, asked_for - len(self.fresh)),
            "to_go": sum(group_search.state.max_stages_left for group_search in self.searches),
        }

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return the spaces, the options of the search and the winners, in JSON types."""
        groups = {
            each.group.name: describe_group(each, self._winners(each) if finished else ())
            for each in self.searches
        }
        notes = {"notes": self.notes} if self.notes else {}
        # Where no price is counted there is no group yet.
        searched = self.searches[0].state.search if self.searches else self.sweep.search
        options = {} if searched is None else describe_search(searched)
        return options | notes | {"groups": groups}
