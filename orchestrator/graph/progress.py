"""Progress of a running sweep: counted from events, and written for dashboards."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.event_log import EventLog
from orchestrator.graph.events import ChainEnded, ChainId, Event, Instruction, RunStage
from orchestrator.graph.wanted_stages import WantedStages
from orchestrator.stages.outcomes import ParentLost, StageDiverged, StageDone, StageFailed


@dataclass
class Progress:
    """Counts of a running sweep.

    Attributes:
        phase: "features", "search" or "evaluation".
        trials: known trials of this phase.
        asked_for: stages of all trials, counting shared ones once for each; a search adds to it.
        to_go: stages left to compute; an upper limit for a search that stops some early. Those
            that cannot run, since one before them failed or diverged, are not among them.
        shared: stages of trials that need no computing.
        executed: stages that ended, successful or not.
        scored: executed stages that only lacked scores on further tasks (ADR 9).
        already_stored: executed stages that another driver had stored meanwhile.
        failed: executed stages that diverged or raised. raised: those that raised.
        started: monotonic seconds. first_stage_at: when the first stage was submitted, which is
            once Ray has started; None before.
        log: the last events.
    """

    phase: str = "evaluation"
    trials: int = 0
    asked_for: int = 0
    to_go: int = 0
    shared: int = 0
    executed: int = 0
    scored: int = 0
    already_stored: int = 0
    running: int = 0
    failed: int = 0
    raised: int = 0
    trials_done: int = 0
    started: float = field(default_factory=time.monotonic)
    first_stage_at: float | None = None
    log: EventLog = field(default_factory=EventLog)
    _running: set[str] = field(default_factory=set)
    _executed: set[str] = field(default_factory=set)
    _waiting: dict[str, set[int]] = field(default_factory=dict)
    _wanted: WantedStages = field(default_factory=WantedStages)
    _unreachable: set[str] = field(default_factory=set)

    def eta_seconds(self) -> float | None:
        """Return the seconds left at the rate since the first stage was submitted."""
        if not self.executed or self.first_stage_at is None:
            return None
        return (time.monotonic() - self.first_stage_at) / self.executed * self.to_go

    @property
    def unreachable(self) -> int:
        """Stages that cannot run, since one before them failed or diverged."""
        return len(self._unreachable)

    @property
    def num_missing(self) -> int:
        """Stages that were not run: those to go, and those that cannot run."""
        return self.to_go + self.unreachable

    @property
    def num_computed(self) -> int:
        """Stages that were trained to their end; those that diverged are among them."""
        return self.executed - self.scored - self.already_stored - self.raised

    def count(self, news: Event | Instruction) -> None:
        """Count an event; two outcomes of one stage count once."""
        match news:
            case RunStage(key):
                self._running.add(key)
                if self.first_stage_at is None:
                    self.first_stage_at = time.monotonic()
            case ParentLost(key):
                self._running.discard(key)
            case StageDone(key) | StageDiverged(key) | StageFailed(key):
                self._running.discard(key)
                if key not in self._executed:
                    self._count_outcome(news)
            case ChainEnded(chain):
                self._end_chain(chain)
        self.log.note(news)
        self.running, self.executed = len(self._running), len(self._executed)

    def to_json(self) -> dict[str, Any]:
        """Return the content of the progress file; times are seconds since 1970."""
        # Monotonic times mean nothing to the process that reads the file.
        now = time.time_ns() / 1e9
        counts = ("trials", "trials_done", "asked_for", "shared", "executed", "to_go")
        shown = ("phase", *counts, "unreachable")
        return {name: getattr(self, name) for name in shown} | {
            "computed": self.num_computed,
            "failed": self.failed,
            "raised": self.raised,
            "running": sorted(key[:8] for key in self._running),
            "started_at": now - (time.monotonic() - self.started),
            "updated_at": now,
            "eta_seconds": self.eta_seconds(),
            "events": self.log.to_json(),
        }

    def _count_outcome(self, outcome: StageDone | StageDiverged | StageFailed) -> None:
        self._executed.add(outcome.key)
        self.to_go = max(self.to_go - 1, 0)
        if isinstance(outcome, StageDone):
            self.scored += outcome.work == "scored"
            self.already_stored += outcome.work == "none"
        else:
            self.failed += 1
            self.raised += isinstance(outcome, StageFailed)

    def _end_chain(self, chain: ChainId) -> None:
        # Of a chain that is complete all stages were executed.
        lost = self._wanted.remove(chain) - self._executed
        self._unreachable |= lost
        self.to_go = max(self.to_go - len(lost), 0)
        trial_id, seed = chain
        waiting = self._waiting.get(trial_id, set())
        # A trial is done with the last of its seeds.
        self.trials_done += waiting == {seed}
        waiting.discard(seed)
