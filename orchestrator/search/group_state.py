"""The state of one group's search: its candidates, and the schedulers that decide about them.

Every method takes one step and returns the events that follow from it. `GroupSearch` takes the
steps that news calls for and writes them down; after an interruption it takes them again from the
journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from orchestrator.graph.events import Event
from orchestrator.results.units import objective_text
from orchestrator.search.candidate import Candidate, CandidateStatus
from orchestrator.search.draws import Draws
from orchestrator.search.ports import Adopted, Decision, Scheduler, Stopped, Values
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.section import InfeasiblePoint
from orchestrator.sweep.spaces.domains import Point

PATIENCE = 3  # candidates that may end without a value before a search is given up


@dataclass
class GroupState:
    """The candidates and schedulers of one group.

    Attributes:
        group: the method, its space and what its candidates have in common.
        search: how hyperparameters are searched.
        draws: the sampler, and the candidates drawn so far.
        create_scheduler: creates a scheduler, given a stratum and the tasks a candidate learns.
    """

    group: Group
    search: Search
    draws: Draws
    create_scheduler: Callable[[str, int], Scheduler]
    _schedulers: dict[str, Scheduler] = field(default_factory=dict)
    _first_numbers: dict[str, int] = field(default_factory=dict)

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates drawn so far, by number."""
        return self.draws.candidates

    @property
    def max_stages_left(self) -> int:
        """An upper bound of the stages to compute, with those of candidates not drawn yet."""
        drawn = self.candidates
        # Candidates that are not drawn yet are expected to be as deep as the first.
        undrawn = 0 if self.draws.is_over or not drawn else (self.draws.limit or 0) - len(drawn)
        each = len(self.search.seeds) * (drawn[0].goal + 1) if drawn else 0
        return sum(candidate.stages_left for candidate in drawn) + max(undrawn, 0) * each

    def scheduler(self, candidate: Candidate) -> Scheduler:
        """Return the scheduler of a candidate: candidates race others on the same tasks alone."""
        stratum = candidate.stratum
        if stratum not in self._schedulers:
            self._schedulers[stratum] = self.create_scheduler(stratum, candidate.goal)
        return self._schedulers[stratum]

    def add(self, point: Point) -> None:
        """Add the candidate at a point that was drawn.

        A twin or an infeasible point keeps its number, so that later candidates keep theirs.
        """
        candidate = self._create_candidate(point)
        if candidate.status == "waiting":
            # By the trial, since different points may lead to the same one.
            first = self._first_numbers.setdefault(candidate.trial.identity, candidate.number)
            if first != candidate.number:
                candidate.status, candidate.twin = "twin", first
        self.candidates.append(candidate)
        if candidate.status == "waiting":
            self.scheduler(candidate).add(candidate.number, point)

    def _create_candidate(self, point: Point) -> Candidate:
        seeds, story = self.search.seeds, ""
        status: CandidateStatus = "waiting"
        try:
            trial = self.group.build_trial(point, seeds)
        except InfeasiblePoint as error:
            trial, status, story = self.group.first_trial(seeds), "infeasible", str(error)
        num_tasks = trial.benchmark.num_tasks
        return Candidate(
            group=self.group.name,
            number=len(self.candidates),
            point=point,
            trial=trial,
            goal=min(self.search.on_tasks or num_tasks, num_tasks),
            stratum=self.group.stratum(point),
            status=status,
            story=story,
        )

    def start_due(self) -> Iterator[Candidate]:
        """Start the candidates that the schedulers choose, one at a time."""
        for scheduler in list(self._schedulers.values()):
            while (number := scheduler.choose()) is not None:
                self.candidates[number].status = "running"
                yield self.candidates[number]

    def decide(
        self, candidate: Candidate, decision: Decision, values: Values | None
    ) -> list[Event]:
        """Apply a scheduler's decision about a candidate at its present depth."""
        candidate.latest_values = values
        if decision != "stop":
            candidate.status = "paused" if decision == "pause" else "running"
            return []
        value = None if values is None else values[0]
        self.scheduler(candidate).end(candidate.number, candidate.depth, value)
        return self._stop(candidate)

    def apply(self, effect: Stopped | Adopted) -> list[Event]:
        """Apply what a decision did to another candidate."""
        candidate = self.candidates[effect.number]
        if isinstance(effect, Adopted):
            return candidate.adopt(self.candidates[effect.source], effect.point)
        return [] if candidate.is_over else self._stop(candidate)

    def end(
        self, candidate: Candidate, status: CandidateStatus, values: Values | None, story: str
    ) -> list[Event]:
        """End a candidate that reached its goal, or cannot reach it."""
        candidate.status, candidate.values, candidate.story = status, values, story
        value = None if values is None else values[0]
        self.scheduler(candidate).end(candidate.number, candidate.depth, value)
        return [] if status == "complete" else candidate.stop()

    def _stop(self, candidate: Candidate) -> list[Event]:
        candidate.status, candidate.story = "stopped", self._stop_reason(candidate)
        return candidate.stop()

    def _stop_reason(self, candidate: Candidate) -> str:
        if self.is_hopeless:
            why = next(c.story for c in self.candidates if c.status == "complete")
            return f"stopped, since for the first {PATIENCE} candidates {why}"
        tasks = f"{candidate.depth} task" + "s" * (candidate.depth != 1)
        reason = f"stopped by {self.scheduler(candidate).name} after {tasks}"
        if candidate.latest_values is None:
            return reason
        value = objective_text(candidate.latest_values[0])
        return f"{reason} with {self.search.objective.metrics[0]} {value}"

    @property
    def is_hopeless(self) -> bool:
        """Whether the first few candidates all learned every task and have no value."""
        trained = (c for c in self.candidates if c.status not in ("twin", "infeasible"))
        first = list(islice(trained, PATIENCE))
        return len(first) == PATIENCE and all(
            c.status == "complete" and c.values is None for c in first
        )
