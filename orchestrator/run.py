"""Running a sweep: plan, compute what is missing, keep the tables current, tell MLflow."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.events import (
    ChainAdvanced,
    ChainEnded,
    Event,
    Instruction,
    ParentLost,
    RunStage,
    StageDiverged,
    StageDone,
    StageFailed,
)
from orchestrator.plan import Plan
from orchestrator.record import Record
from orchestrator.results import collect, write
from orchestrator.store import StageStore
from orchestrator.sweep import Sweep

Observer = Callable[[Event | Instruction], None]
Backend = Callable[[Plan, StageStore, Observer], None]
VERSIONED = ("repertoire-cl", "ray", "torch", "torchvision", "mlflow", "numpy", "pandas", "pyarrow")


class Tracker(Protocol):
    """Something that is told when the tables have changed, and that never raises or blocks."""

    def poke(self) -> None:
        """Take note that the tables have changed."""

    def close(self, timeout_seconds: float) -> object:
        """Finish within the time given."""

    def run_ids(self) -> Mapping[str, str]:
        """Return trial id -> id of its run."""


@dataclass
class Progress:
    """Where a running sweep stands. `shared` counts stages asked for that need no computing."""

    trials: int
    to_go: int
    shared: int
    executed: int = 0
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


def results_folder(sweep: Sweep, out: Path) -> Path:
    """Return the folder of a sweep's tables."""
    return out / sweep.name


def open_store(
    out: Path, uri: str | None, create: bool = True, read_only: bool = False
) -> StageStore:
    """Return the stage store of a results folder, unless a URI names another."""
    if not (uri and "://" in uri):
        uri = str(Path(uri or out / "stages").resolve())  # workers may have another current folder
    return StageStore(uri, create, read_only)


class Tabulator:
    """Keeps a sweep's tables current while it runs, in at most a tenth of the time."""

    def __init__(
        self, made: Plan, store: StageStore, folder: Path, tracker: Tracker | None
    ) -> None:
        self._plan, self._store, self._folder, self._tracker = made, store, folder, tracker
        self._known: dict[tuple[str, frozenset[str]], Record] = {}
        self._next = 0.0

    def refresh(self, now: bool = False) -> None:
        """Write the tables, if they are due."""
        started = time.monotonic()
        if started < self._next and not now:
            return
        ids = self._tracker.run_ids() if self._tracker else {}
        write(collect(self._plan.chains, self._store, ids, self._known), self._folder)
        if self._tracker:
            self._tracker.poke()
        finished = time.monotonic()
        self._next = finished + max(1.0, 10 * (finished - started))


def run(
    made: Plan,
    store: StageStore,
    folder: Path,
    backend: Backend,
    tracker: Tracker | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Compute what a plan lacks and keep its folder current.

    Whatever interrupts it, what was computed is in the store and the tables say so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note(folder / "sweep.yaml", made.sweep.text)
    tables = Tabulator(made, store, folder, tracker)
    progress = progress_of(made)

    def observe(news: Event | Instruction) -> None:
        if isinstance(news, StageFailed):
            store.put_failure(news.key, news.story)
        count(progress, news)
        if isinstance(news, ChainAdvanced | ChainEnded):
            tables.refresh()
        show(progress)

    try:
        if made.pending:
            note(folder / "versions.json", json.dumps(versions(), indent=1, sort_keys=True))
            show(progress)
            backend(made, store, observe)
    finally:
        tables.refresh(now=True)
        if tracker:
            tracker.close(timeout_seconds=60)
            tables.refresh(now=True)
    return progress


def progress_of(made: Plan) -> Progress:
    """Return where a sweep stands before it runs."""
    waiting: dict[str, set[int]] = {}
    for chain in made.pending:
        waiting.setdefault(chain.trial_id, set()).add(chain.seed)
    trials = {chain.trial_id for chain in made.chains}
    return Progress(
        trials=len(trials), to_go=len(made.to_run), shared=made.asked_for - len(made.to_run),
        trials_done=len(trials - waiting.keys()),
        _waiting=waiting,
    )  # fmt: skip


def count(progress: Progress, news: Event | Instruction) -> None:
    """Bring progress up to date with a piece of news; a stage told of twice counts once."""
    match news:
        case RunStage(key):
            progress._running.add(key)
        case ParentLost(key):
            progress._running.discard(key)
        case StageDone(key) | StageDiverged(key) | StageFailed(key):
            progress._running.discard(key)
            if key not in progress._executed:
                progress._executed.add(key)
                progress.to_go = max(progress.to_go - 1, 0)
                progress.failed += not isinstance(news, StageDone)
        case ChainEnded((trial_id, seed)):
            waiting = progress._waiting[trial_id]
            progress.trials_done += waiting == {seed}
            waiting.discard(seed)
    progress.running, progress.executed = len(progress._running), len(progress._executed)


def note(path: Path, text: str) -> None:
    """Write a text file unless it says so already."""
    if not (path.exists() and path.read_text(encoding="utf-8") == text):
        path.write_text(text, encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the versions a reader of the results may want to know."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        found[name] = importlib.metadata.version(name)
    return found
