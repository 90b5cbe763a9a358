"""The search of one group: candidates are drawn and raced, and each step is written down.

A step is in the journal before it is taken, and a search that reads its journal takes the same
steps again. A candidate that failed (not diverged) is not written down: it is tried again the next
time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.events import ChainAdvanced, ChainEnded, Event
from orchestrator.search.candidate import Candidate, Status
from orchestrator.search.journal import Entry, Journal
from orchestrator.search.ports import Adopted, Decision, Fifo, Scheduler, Stopped, Values
from orchestrator.search.sampling import Draws
from orchestrator.search.score import Scorer
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.section import Infeasible
from orchestrator.sweep.spaces import Point

PATIENCE = 3  # candidates that may end without a value before a search is given up


@dataclass
class GroupSearch:
    """The search of one group.

    Attributes:
        group: what is searched.
        search: how.
        identity: of all that its candidates' results are made of.
        draws: the sampler, and the candidates drawn so far.
        make_scheduler: makes the scheduler of a stratum, given the tasks a candidate learns.
        scorer: the values of candidates.
        journal: of all groups.
        former: it goes on with a default of an earlier release.
    """

    group: Group
    search: Search
    identity: str
    draws: Draws
    make_scheduler: Callable[[str, int], Scheduler]
    scorer: Scorer
    journal: Journal
    former: bool = False
    _races: dict[str, Scheduler] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)

    @property
    def candidates(self) -> list[Candidate]:
        """Those drawn so far, by number."""
        return self.draws.candidates

    @property
    def at_most(self) -> int:
        """How many stages there are to go at most, those of candidates not drawn yet included."""
        drawn = self.candidates
        undrawn = 0 if self.draws.over or not drawn else (self.draws.limit or 0) - len(drawn)
        each = len(self.search.seeds) * (drawn[0].goal + 1) if drawn else 0
        return sum(candidate.left for candidate in drawn) + max(undrawn, 0) * each

    def begin(self) -> list[Event]:
        """Stand where the journal says, and return what is wanted next."""
        self._repeat()
        going = [c for c in self.candidates if c.status == "running"]
        return [*(event for c in going for event in self._go_on(c)), *self._fill()]

    def on(self, candidate: Candidate, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Take in how a candidate gets on, and return what is wanted next."""
        seed, events = news.chain[1], list[Event]()
        if candidate.over or candidate.chain_id(seed) != news.chain:
            return events
        if isinstance(news, ChainAdvanced):
            candidate.arrived[seed] = news.after
            while not candidate.over and candidate.reached > candidate.depth:
                candidate.depth += 1
                events += self._deeper(candidate)
        elif news.status in ("diverged", "failed"):
            events += self._end(candidate, news.status, None, news.story)
        return [*events, *self._fill()]

    def _fill(self) -> list[Event]:
        """Draw what may be drawn, and start what is due."""
        while (point := self.draws.next()) is not None:
            self._write(number=len(self.candidates), point=point)
            self._enter(point)
        return [event for candidate in self._due() for event in self._go_on(candidate)]

    def _enter(self, point: Point) -> None:
        """Take in a point that was drawn."""
        trial, story = self.group.first(self.search.seeds), ""
        status: Status = "waiting"
        try:
            trial = self.group.trial(point, self.search.seeds)
        except Infeasible as error:  # its number stands, so that those after it keep theirs
            status, story = "infeasible", str(error)
        candidate = Candidate(
            group=self.group.name, number=len(self.candidates), point=point, trial=trial,
            goal=min(self.search.on_tasks or trial.benchmark.num_tasks, trial.benchmark.num_tasks),
            stratum=self.group.stratum(point), status=status, story=story,
        )  # fmt: skip
        if status == "waiting":
            first = self._first.setdefault(trial.identity, candidate.number)
            if first != candidate.number:
                candidate.status, candidate.twin = "twin", first
        self.candidates.append(candidate)
        if candidate.status == "waiting":
            self._race(candidate).add(candidate.number, point)

    def _race(self, candidate: Candidate) -> Scheduler:
        """Return the scheduler of a candidate: only those on the same tasks race each other."""
        if candidate.stratum not in self._races:
            made = self.make_scheduler(candidate.stratum, candidate.goal)
            self._races[candidate.stratum] = made
        return self._races[candidate.stratum]

    def _due(self) -> Iterator[Candidate]:
        for race in list(self._races.values()):
            while (number := race.chosen()) is not None:
                self.candidates[number].status = "running"
                yield self.candidates[number]

    def _go_on(self, candidate: Candidate) -> list[Event]:
        """Return the wish for a candidate's next stage, or for all if none is decided upon."""
        free = isinstance(self._race(candidate), Fifo)
        up_to = candidate.goal if free else max(candidate.depth + 1, 1)
        stored = set()
        for chain in candidate.chains.values():
            for record in (self.scorer.record(stage) for stage in chain[: up_to + 1]):
                if record is not None and record.status == "diverged":
                    return self._end(candidate, "diverged", None, record.story)
                stored |= set() if record is None else {record.key}
        return candidate.want(up_to, frozenset(stored))

    def _deeper(self, candidate: Candidate) -> list[Event]:
        """A candidate learned one more task on all seeds: rank it at its goal, else decide."""
        race, after = self._race(candidate), candidate.depth
        if after == candidate.goal:
            values = self.scorer.values(candidate.chains.values(), after)
            story = (
                self.scorer.undefined(candidate.chains.values(), after) if values is None else ""
            )
            return [*self._end(candidate, "complete", values, story), *self._give_up()]
        if after == 0 or isinstance(race, Fifo):
            return []
        values = self.scorer.values(candidate.chains.values(), after)
        candidate.seen = values
        decision = "continue" if values is None else race.result(candidate.number, after, values[0])
        self._write(
            number=candidate.number, after=after, decision=decision,
            values=None if values is None else list(values),
        )  # fmt: skip
        events = self._decide(candidate, decision, values)
        events += [event for effect in race.effects() for event in self._affect(effect, race)]
        return [*events, *(self._go_on(candidate) if decision == "continue" else [])]

    def _decide(
        self, candidate: Candidate, decision: Decision, values: Values | None
    ) -> list[Event]:
        """Do what was decided about a candidate at its present depth."""
        race, candidate.seen = self._race(candidate), values
        if decision != "stop":
            candidate.status = "paused" if decision == "pause" else "running"
            return []
        race.end(candidate.number, candidate.depth, None if values is None else values[0])
        return self._stop(candidate, race)

    def _stop(self, candidate: Candidate, race: Scheduler) -> list[Event]:
        tasks = f"{candidate.depth} task" + "s" * (candidate.depth != 1)
        candidate.status, candidate.story = "stopped", f"stopped by {race.name} after {tasks}"
        if self.hopeless:
            candidate.story = f"stopped, since for the first {PATIENCE} candidates "
            candidate.story += next(c.story for c in self.candidates if c.status == "complete")
        elif candidate.seen is not None:
            metric = self.search.objective.metrics[0]
            candidate.story += f" with {metric} {candidate.seen[0]:.4f}"
        return candidate.stop()

    def _affect(self, effect: Stopped | Adopted, race: Scheduler) -> list[Event]:
        """Write down and do what a decision did to another candidate."""
        if isinstance(effect, Stopped):
            self._write(number=effect.number, stopped=True)
        else:
            self._write(number=effect.number, source=effect.source, adopted=effect.point)
        return self._affected(effect, race)

    def _affected(self, effect: Stopped | Adopted, race: Scheduler) -> list[Event]:
        candidate = self.candidates[effect.number]
        if isinstance(effect, Adopted):
            return candidate.adopt(self.candidates[effect.source], effect.point)
        return [] if candidate.over else self._stop(candidate, race)

    def _give_up(self) -> list[Event]:
        """Stop the others if the first candidates learned all tasks and have no value."""
        if not self.hopeless:
            return []
        self.draws.close()
        others = [c for c in self.candidates if not c.over]
        return [e for c in others for e in self._affect(Stopped(c.number), self._race(c))]

    @property
    def hopeless(self) -> bool:
        """Whether the first few candidates, none of which failed, all have no value."""
        first = [c for c in self.candidates if c.status not in ("twin", "infeasible")][:PATIENCE]
        return len(first) == PATIENCE and all(
            c.status == "complete" and c.values is None for c in first
        )

    def _end(
        self, candidate: Candidate, status: Status, values: Values | None, story: str
    ) -> list[Event]:
        """A candidate reached its goal, or cannot."""
        if status != "failed":
            self._write(
                number=candidate.number, after=candidate.depth, ended=status, story=story,
                values=None if values is None else list(values),
            )  # fmt: skip
        events = self._ended(candidate, status, values, story)
        race = self._race(candidate)
        return [*events, *(e for effect in race.effects() for e in self._affect(effect, race))]

    def _ended(
        self, candidate: Candidate, status: Status, values: Values | None, story: str
    ) -> list[Event]:
        candidate.status, candidate.values, candidate.story = status, values, story
        value = None if values is None else values[0]
        self._race(candidate).end(candidate.number, candidate.depth, value)
        return [] if status == "complete" else candidate.stop()

    def _write(self, **entry: Any) -> None:
        self.journal.append({"group": self.group.name, **entry})

    def _repeat(self) -> None:
        """Take the steps that the journal tells of; who decided is told too, but not obeyed.

        What the last step did to others may not have been written any more; it is done now.
        """
        due: dict[int, tuple[Stopped | Adopted, Scheduler]] = {}
        for entry in self.journal.entries(self.group.name, self.identity):
            if "stopped" in entry or "adopted" in entry:
                due.pop(entry["number"], None)
            if "point" in entry:
                self.draws.repeat()
                self._enter(entry["point"])
            else:
                race = self._race(self.candidates[entry["number"]])
                self._step(entry, self.candidates[entry["number"]], race)
                due |= {effect.number: (effect, race) for effect in race.effects()}
            list(self._due())
        for effect, race in due.values():
            self._affect(effect, race)
        self._give_up()
        list(self._due())

    def _step(self, entry: Entry, candidate: Candidate, race: Scheduler) -> None:
        """Take one step about a candidate."""
        if "stopped" in entry:
            self._affected(Stopped(candidate.number), race)
            return
        if "adopted" in entry:
            self._affected(Adopted(candidate.number, entry["source"], entry["adopted"]), race)
            return
        values = None if entry["values"] is None else tuple(entry["values"])
        candidate.depth = entry["after"]
        if "ended" in entry:
            self._ended(candidate, entry["ended"], values, entry["story"])
            return
        if values is not None:
            race.result(candidate.number, candidate.depth, values[0])
        self._decide(candidate, entry["decision"], values)
