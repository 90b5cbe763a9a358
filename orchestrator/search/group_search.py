"""The search of one group: candidates are drawn and raced, and every step is written down.

A step is in the journal before it is taken, and a search that reads its journal takes the same
steps again. A candidate that failed (other than by diverging) is not written down: the next run
tries it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.graph.events import ChainAdvanced, ChainEnded, Event
from orchestrator.hashing import canonical_json
from orchestrator.search.candidate import Candidate, CandidateStatus
from orchestrator.search.group_state import GroupState
from orchestrator.search.journal import Journal
from orchestrator.search.journal_entries import JournalEntry
from orchestrator.search.ports import Adopted, NullScheduler, Stopped, Values
from orchestrator.search.score import Scorer
from orchestrator.sweep.group import Group


@dataclass
class GroupSearch:
    """The search of one group.

    Attributes:
        state: the candidates and their schedulers.
        identity: a digest of all that the results of candidates depend on.
        scorer: computes the values of candidates.
        journal: of all groups of the sweep.
        former: the search continues with a default of an earlier release.
    """

    state: GroupState
    identity: str
    scorer: Scorer
    journal: Journal
    former: bool = False

    @property
    def group(self) -> Group:
        """The group that is searched."""
        return self.state.group

    @property
    def candidates(self) -> list[Candidate]:
        """The candidates drawn so far, by number."""
        return self.state.candidates

    def begin(self) -> list[Event]:
        """Take the steps of the journal again, and return the first requests for stages."""
        with self.journal.batch_writes():
            self._replay()
            running = [c for c in self.candidates if c.status == "running"]
            events = [event for candidate in running for event in self._request(candidate)]
            return [*events, *self._fill()]

    def handle(self, candidate: Candidate, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the events that follow from news of a candidate's chain."""
        seed, events = news.chain[1], list[Event]()
        # A candidate that adopted another's stage still gets news of the chain that it left.
        if candidate.is_over or candidate.chain_id(seed) != news.chain:
            return events
        with self.journal.batch_writes():
            if isinstance(news, ChainAdvanced):
                candidate.depth_of_seed[seed] = news.after
                # A candidate advances when all its seeds have: it is ranked by their mean.
                while not candidate.is_over and candidate.min_depth > candidate.depth:
                    candidate.depth += 1
                    events += self._advance(candidate)
            elif news.status in ("diverged", "failed"):
                events += self._end(candidate, news.status, None, news.story)
            return [*events, *self._fill()]

    def _fill(self) -> list[Event]:
        """Draw the candidates that may be drawn, and start those that are due."""
        while (point := self.state.draws.next()) is not None:
            self._write(number=len(self.candidates), point=point)
            self.state.add(point)
        return [event for candidate in self.state.start_due() for event in self._request(candidate)]

    def _request(self, candidate: Candidate) -> list[Event]:
        """Request a candidate's next stage, or all its stages if no scheduler can stop it."""
        fifo = isinstance(self.state.scheduler(candidate), NullScheduler)
        # Stage 0 has learned nothing, so the first decision is after task 1.
        up_to = candidate.goal if fifo else max(candidate.depth + 1, 1)
        stored = set()
        for chain in candidate.chains.values():
            for record in (self.scorer.record(stage) for stage in chain[: up_to + 1]):
                # It is known how this ends, so the stages before need not be computed again.
                if record is not None and record.status == "diverged":
                    return self._end(candidate, "diverged", None, record.story)
                stored |= set() if record is None else {record.key}
        return candidate.request(up_to, frozenset(stored))

    def _advance(self, candidate: Candidate) -> list[Event]:
        """Rank a candidate that reached its goal; let its scheduler decide before that."""
        if candidate.depth == candidate.goal:
            return self._complete(candidate)
        if candidate.depth == 0 or isinstance(self.state.scheduler(candidate), NullScheduler):
            return []
        return self._decide(candidate)

    def _complete(self, candidate: Candidate) -> list[Event]:
        chains, story = candidate.chains.values(), ""
        values = self.scorer.values(chains, candidate.goal)
        if values is None:
            story = self.scorer.explain_undefined(chains, candidate.goal)
        return [*self._end(candidate, "complete", values, story), *self._give_up()]

    def _decide(self, candidate: Candidate) -> list[Event]:
        scheduler, after = self.state.scheduler(candidate), candidate.depth
        values = self.scorer.values(candidate.chains.values(), after)
        candidate.latest_values = values
        # Without a value there is nothing to decide by, so it goes on.
        decision = (
            "continue" if values is None else scheduler.result(candidate.number, after, values[0])
        )
        self._write(
            number=candidate.number,
            after=after,
            decision=decision,
            values=None if values is None else list(values),
        )
        # After the journal has it, so that a run that is killed here takes the same decision again.
        events = self.state.decide(candidate, decision, values)
        events += [event for effect in scheduler.effects() for event in self._apply(effect)]
        return [*events, *(self._request(candidate) if decision == "continue" else [])]

    def _apply(self, effect: Stopped | Adopted) -> list[Event]:
        if isinstance(effect, Stopped):
            self._write(number=effect.number, stopped=True)
        else:
            self._write(number=effect.number, source=effect.source, adopted=effect.point)
        return self.state.apply(effect)

    def _give_up(self) -> list[Event]:
        """Stop all other candidates if the first ones learned every task and have no value."""
        if not self.state.is_hopeless:
            return []
        # No further draws: they would end as the first ones did.
        self.state.draws.close()
        others = [c for c in self.candidates if not c.is_over]
        return [event for c in others for event in self._apply(Stopped(c.number))]

    def _end(
        self, candidate: Candidate, status: CandidateStatus, values: Values | None, story: str
    ) -> list[Event]:
        if status != "failed":
            self._write(
                number=candidate.number,
                after=candidate.depth,
                ended=status,
                story=story,
                values=None if values is None else list(values),
            )
        events = self.state.end(candidate, status, values, story)
        effects = self.state.scheduler(candidate).effects()
        return [*events, *(event for effect in effects for event in self._apply(effect))]

    def _write(self, **entry: Any) -> None:
        self.journal.append({"group": self.group.name, **entry})

    def _replay(self) -> None:
        """Take the steps of the journal; schedulers see them again, but the journal decides.

        The last step's effects on other candidates may not have been written; they are applied now.
        """
        pending: dict[int, Stopped | Adopted] = {}
        for entry in self.journal.entries(self.group.name, self.identity):
            if "stopped" in entry or "adopted" in entry:
                pending.pop(entry["number"], None)
            if "point" in entry:
                self.state.draws.repeat()
                self.state.add(entry["point"])
            else:
                candidate = self.candidates[entry["number"]]
                self._require_possible(entry, candidate)
                self._replay_entry(entry, candidate)
                effects = self.state.scheduler(candidate).effects()
                pending |= {effect.number: effect for effect in effects}
            list(self.state.start_due())
        for effect in pending.values():
            self._apply(effect)
        self._give_up()
        list(self.state.start_due())

    def _require_possible(self, entry: JournalEntry, candidate: Candidate) -> None:
        """Raise RepertoireError if no search of this sweep wrote an entry about a candidate."""
        values, metrics = _read_values(entry), self.state.search.objective.metrics
        number_fits = values is None or len(values) == len(metrics)
        if entry.get("after", 0) > candidate.goal or not number_fits:
            raise self._refuse(entry)

    def _refuse(self, entry: JournalEntry) -> RepertoireError:
        return RepertoireError(
            f"{self.journal.path}: no search of this sweep wrote {canonical_json(entry)}; "
            "move the file away, and the search begins anew with the stages in the store"
        )

    def _replay_entry(self, entry: JournalEntry, candidate: Candidate) -> None:
        if "stopped" in entry:
            self.state.apply(Stopped(candidate.number))
            return
        if "adopted" in entry:
            adopted = Adopted(candidate.number, entry["source"], entry["adopted"])
            try:
                self.state.apply(adopted)
            except (AttributeError, TypeError, ValueError):  # of names or values that it has not
                raise self._refuse(entry) from None
            return
        values = _read_values(entry)
        candidate.depth = entry["after"]
        if "ended" in entry:
            self.state.end(candidate, entry["ended"], values, entry["story"])
            return
        if values is not None:
            scheduler = self.state.scheduler(candidate)
            scheduler.result(candidate.number, candidate.depth, values[0])
        self.state.decide(candidate, entry["decision"], values)


def _read_values(entry: JournalEntry) -> Values | None:
    return None if entry.get("values") is None else tuple(entry["values"])
