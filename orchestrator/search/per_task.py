"""The selection at each task, for all groups and seeds of a sweep, in one client of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainId, ChainWanted, Event
from orchestrator.search.description import count_statuses, describe_endings, describe_search
from orchestrator.search.seed_selection import SeedSelection
from orchestrator.search.winners import ChainStages, Winner
from orchestrator.stages.worker import StageOrder, extend_order
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial_chain import trial_chain


@dataclass
class PerTaskStudy:
    """The selections of all groups of a sweep on all seeds.

    Attributes:
        selections: one for each group and seed.
        orders: key -> order, of every stage requested so far.
        fresh: keys that were not in the store when they were first requested.
    """

    sweep: Sweep
    search: Search
    selections: list[SeedSelection]
    orders: dict[str, StageOrder] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)

    def begin(self) -> list[Event]:
        """Return the first requests for stages."""
        return [
            event
            for selection in self.selections
            for event in self._note_orders(selection, selection.begin())
        ]

    def replay(self) -> None:
        """Begin, and take the steps that follow from stages that are stored."""
        wanted = self.begin()
        while wanted:
            event = wanted.pop()
            if isinstance(event, ChainWanted) and (end := self._stored_end(event.chain)):
                # An end may request further chains, which may be stored too.
                wanted += self.handle(end)

    def _stored_end(self, chain: ChainId) -> ChainEnded | None:
        """Return the end of a chain from its records; None while a stage is missing."""
        selection, number = self._find_attempt(chain)
        for stage in selection.attempts[number].stages:
            record = selection.scorer.record(stage)
            if record is None:
                return None
            if record.status == "diverged":
                return ChainEnded(chain, "diverged", record.story)
        return ChainEnded(chain, "complete")

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the requests that follow from news of a chain."""
        selection, number = self._find_attempt(news.chain)
        return self._note_orders(selection, selection.handle(number, news))

    def _find_attempt(self, chain: ChainId) -> tuple[SeedSelection, int]:
        # From the right, since groups may be named `ewc #2`.
        group, _, number = chain[0].rpartition("#")
        name = (group, chain[1])
        selection = next(s for s in self.selections if (s.group.name, s.seed) == name)
        return selection, int(number)

    def _note_orders(self, selection: SeedSelection, events: Iterable[Event]) -> list[Event]:
        """Note the stages that events request, so that they can be ordered when they are due."""
        events = list(events)
        for event in events:
            if isinstance(event, ChainWanted):
                attempt = selection.attempts[int(event.chain[0].rpartition("#")[2])]
                computed_for = (self.sweep.name, attempt.trial.trial_id, selection.seed)
                for stage in attempt.stages:
                    order = extend_order(self.orders.get(stage.key), computed_for, stage)
                    self.orders[stage.key] = order
                self.fresh |= {key for key, _ in event.stages} - event.stored
        return events

    def keys(self, chain: ChainId) -> Iterator[str]:
        """Return the keys of all stages of a chain that was requested."""
        selection, number = self._find_attempt(chain)
        return (stage.key for stage in selection.attempts[number].stages)

    @property
    def notes(self) -> list[str]:
        """Notes on the schedulers of the groups: none, since there are no schedulers."""
        return []

    @property
    def complete(self) -> bool:
        """Whether every selection is over."""
        return all(selection.is_over for selection in self.selections)

    def winners(self) -> list[Winner]:
        """Return the chosen trials, one for each group and seed."""
        return [
            Winner(selection.chosen_trial(), {"group": selection.group.name})
            for selection in self.selections
            if len(selection.choices) == selection.num_tasks
        ]

    def missing_winners(self) -> list[str]:
        """Return a line for each group and seed without a choice that says why."""
        return [
            f"nothing was chosen for {s.group.title} on seed {s.seed} "
            f"at task {len(s.choices) + 1}: "
            f"{count_statuses(a.status for a in s.attempts if a.task > len(s.choices))}"
            for s in self.selections
            if s.failed
        ]

    def chains(self, finished: bool) -> list[ChainStages]:
        """Return the rows of all attempts with their stages."""
        return [
            trial_chain(
                self.sweep.name,
                attempt.trial,
                selection.seed,
                phase="search",
                steps=attempt.stages,
                selected=attempt.chosen,
                decision=attempt.describe(),
                group=selection.group.name,
                candidate=number,
                objective=attempt.accuracy,
            )
            for selection in self.selections
            for number, attempt in enumerate(selection.attempts)
        ]

    def tally(self) -> Mapping[str, int]:
        """Return the counts of trials and stages; `to_go` is an upper bound."""
        attempts = [attempt for selection in self.selections for attempt in selection.attempts]
        asked_for = sum(attempt.task + 1 for attempt in attempts)  # as if none were shared
        to_go = sum(
            (s.num_tasks - len(s.choices)) * (len(s.plasticity_points) + len(s.strengths))
            for s in self.selections
            if not s.failed
        )
        return {
            "trials": len(self.selections),
            "trials_done": sum(selection.is_over for selection in self.selections),
            "asked_for": asked_for,
            "shared": max(0, asked_for - len(self.fresh)),
            "to_go": to_go,
        }

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return the spaces, the options of the search and the choices, in JSON types."""
        groups: dict[str, Any] = {}
        for selection in self.selections:
            space = selection.group.describe()
            group = groups.setdefault(selection.group.name, {"space": space, "winner": []})
            if finished and not selection.failed:
                winner = _describe_winner(selection)
                group["winner"] = [winner["trial_id"]]
                group.setdefault("winners", []).append(winner)
            by_seed = group.setdefault("candidates_of_seeds", {})
            by_seed[str(selection.seed)] = describe_endings(selection.attempts)
        return describe_search(self.search) | {"groups": groups}


def _describe_winner(selection: SeedSelection) -> dict[str, Any]:
    return {
        "trial_id": selection.chosen_trial().trial_id,
        "seed": selection.seed,
        "hyperparameters": [dict(point) for point in selection.choices],
    }
