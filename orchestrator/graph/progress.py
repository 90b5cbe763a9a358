"""Where a running sweep stands: counted from the news, shown, and left for dashboards."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.graph.events import ChainEnded, Event, Instruction, RunStage
from orchestrator.stages.files import write_atomically
from orchestrator.stages.outcomes import ParentLost, StageDiverged, StageDone, StageFailed

FILE = "progress.json"
EVERY_SECONDS = 1.0


@dataclass
class Progress:
    """Where a running sweep stands.

    Attributes:
        phase: "search" or "evaluation".
        trials: those of this phase, as far as they are known.
        asked_for: stages that trials ask for, were none shared; a search learns of them on the way.
        to_go: stages still to be computed; of a search that stops some early, at most.
        shared: stages asked for that need no computing.
        executed: stages that ended, whatever came of them.
        scored: of these, those that only lacked scores on further tasks (ADR 9).
        found: of these, those that another driver had stored meanwhile.
    """

    phase: str = "evaluation"
    trials: int = 0
    asked_for: int = 0
    to_go: int = 0
    shared: int = 0
    executed: int = 0
    scored: int = 0
    found: int = 0
    running: int = 0
    failed: int = 0
    trials_done: int = 0
    started: float = field(default_factory=time.monotonic)
    _running: set[str] = field(default_factory=set)
    _executed: set[str] = field(default_factory=set)
    _waiting: dict[str, set[int]] = field(default_factory=dict)

    def eta_seconds(self) -> float | None:
        """Return the seconds to go at the rate so far."""
        if not self.executed:
            return None
        return (time.monotonic() - self.started) / self.executed * self.to_go

    @property
    def computed(self) -> int:
        """Stages that were trained, whatever came of them."""
        return self.executed - self.scored - self.found

    def count(self, news: Event | Instruction) -> None:
        """Take in a piece of news; a stage told of twice counts once."""
        match news:
            case RunStage(key):
                self._running.add(key)
            case ParentLost(key):
                self._running.discard(key)
            case StageDone(key) | StageDiverged(key) | StageFailed(key):
                self._running.discard(key)
                if key not in self._executed:
                    self._executed.add(key)
                    self.to_go = max(self.to_go - 1, 0)
                    if isinstance(news, StageDone):
                        self.scored += news.work == "scored"
                        self.found += news.work == "none"
                    else:
                        self.failed += 1
            case ChainEnded((trial_id, seed)) if trial_id in self._waiting:
                waiting = self._waiting[trial_id]
                self.trials_done += waiting == {seed}
                waiting.discard(seed)
        self.running, self.executed = len(self._running), len(self._executed)

    def to_json(self) -> dict[str, Any]:
        """Return what a dashboard shows, JSON types; times are seconds since 1970."""
        now = time.time_ns() / 1e9
        shown = ("phase", "trials", "trials_done", "asked_for", "shared", "executed", "to_go")
        return {name: getattr(self, name) for name in shown} | {
            "failed": self.failed, "running": sorted(key[:8] for key in self._running),
            "started_at": now - (time.monotonic() - self.started), "updated_at": now,
            "eta_seconds": self.eta_seconds(),
        }  # fmt: skip


class ProgressFile:
    """Leaves progress in a sweep's folder, at most once a second."""

    def __init__(self, folder: Path) -> None:
        self._path, self._next = folder / FILE, 0.0

    def show(self, progress: Progress) -> None:
        """Write where the sweep stands, if it is due."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            self._write(progress.to_json() | {"over": False, "complete": False})

    def close(self, progress: Progress, complete: bool) -> None:
        """Write where the sweep ended."""
        self._write(progress.to_json() | {"running": [], "over": True, "complete": complete})

    def _write(self, content: dict[str, Any]) -> None:
        write_atomically(self._path, json.dumps(content))
