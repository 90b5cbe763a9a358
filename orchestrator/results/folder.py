"""The folder of a sweep: its tables kept current while it runs, its versions, its progress."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from orchestrator.errors import StoreUnreachable
from orchestrator.graph.driver import Observer
from orchestrator.graph.events import ChainAdvanced, ChainEnded, Event, Instruction
from orchestrator.graph.plan import Plan
from orchestrator.graph.progress import Progress, ProgressFile
from orchestrator.results.code import keep_code
from orchestrator.results.collect import collect
from orchestrator.results.tables import write
from orchestrator.stages.files import write_atomically
from orchestrator.stages.known_records import KnownRecords
from orchestrator.stages.maintenance import register_reference
from orchestrator.stages.outcomes import StageDiverged, StageDone, StageFailed
from orchestrator.stages.stage import Chain
from orchestrator.stages.store import StageStore
from orchestrator.sweep.sweep import Sweep

Show = Callable[[Progress], None]
CLOSING_SECONDS = 1.0  # what a tracker may keep a person waiting; it goes on by itself
VERSIONED = ("repertoire-cl", "ray", "torch", "torchvision", "mlflow", "numpy", "pandas", "pyarrow")


class Tracker(Protocol):
    """Something that is told when the tables have changed, and that never raises or blocks."""

    def poke(self) -> None:
        """Take note that the tables have changed."""

    def close(self, timeout_seconds: float) -> object:
        """Finish within the time given."""

    def run_ids(self) -> Mapping[str, str]:
        """Return trial id -> id of its run."""


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
    """Keeps a sweep's tables current while it runs, in at most a tenth of the time.

    Attributes:
        chains: what has rows, in their order.
        store: where the records are.
        folder: the sweep's.
        records: of the store, those that were read.
        written: keys of the stages that were computed meanwhile.
    """

    def __init__(
        self,
        chains: Iterable[Chain],
        store: StageStore,
        folder: Path,
        tracker: Tracker | None = None,
    ) -> None:
        self.chains = tuple(chains)
        self.store, self.folder, self._tracker = store, folder, tracker
        self.records = KnownRecords(store)
        self.written: set[str] = set()
        self._registered: tuple[Chain, ...] = ()
        self._next = 0.0

    def prepare(self, sweep: Sweep) -> None:
        """Make the sweep's folder and leave the sweep there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        note(self.folder / "sweep.yaml", sweep.text)
        keep_code(sweep, self.folder)
        self.register()

    def register(self) -> None:
        """Leave word in the store which stages this sweep refers to, for `store gc`."""
        if self.chains is not self._registered:
            keys = (key for chain in self.chains for key in chain.keys)
            register_reference(self.store, self.folder.parent, self.folder.name, keys)
            self._registered = self.chains

    def note_versions(self) -> None:
        """Leave the versions that something is about to be computed with."""
        note(self.folder / "versions.json", json.dumps(versions(), indent=1, sort_keys=True))

    def due(self) -> bool:
        """Whether enough time has passed."""
        return time.monotonic() >= self._next

    def refresh(self) -> None:
        """Write the tables."""
        started = time.monotonic()
        self.register()
        ids = self._tracker.run_ids() if self._tracker else {}
        write(collect(self.chains, self.records, ids), self.folder)
        if self._tracker:
            self._tracker.poke()
        finished = time.monotonic()
        self._next = finished + max(1.0, 10 * (finished - started))

    def _await_records(self) -> bool:
        """Wait for records that other hosts wrote and this one could not see; whether any came."""
        unseen = self.written - self.records.keys()
        with suppress(StoreUnreachable):  # the tables say what is missing
            for key in sorted(unseen):
                self.store.await_record(key)
        return bool(unseen)

    def close(self) -> None:
        """Write the tables, and once more with what came late or the tracker has to add."""
        self.refresh()
        if self._await_records():
            self.refresh()
        if self._tracker:
            before = self._tracker.run_ids()
            self._tracker.close(timeout_seconds=CLOSING_SECONDS)
            if self._tracker.run_ids() != before:
                self.refresh()


def observer(
    progress: Progress,
    tables: Tabulator,
    show: Show,
    before: Callable[[], None] = lambda: None,
) -> Observer:
    """Return what is told every event and instruction: it counts, keeps tables current, and shows.

    Args:
        progress: counted in.
        tables: kept current.
        show: shows progress.
        before: brings `progress` and the rows of the tables up to date, if they change on the way.
    """
    left = ProgressFile(tables.folder)

    def observe(news: Event | Instruction) -> None:
        if isinstance(news, StageDone | StageDiverged):
            tables.written.add(news.key)
        if isinstance(news, StageFailed):
            tables.store.put_failure(news.key, news.story)
        progress.count(news)
        if isinstance(news, ChainAdvanced | ChainEnded) and tables.due():
            before()
            tables.refresh()
        left.show(progress)
        show(progress)

    return observe


def progress_of(plan: Plan) -> Progress:
    """Return where a sweep stands before it runs."""
    waiting: dict[str, set[int]] = {}
    for chain in plan.pending:
        waiting.setdefault(chain.trial_id, set()).add(chain.seed)
    trials = {chain.trial_id for chain in plan.chains}
    return Progress(
        trials=len(trials),
        asked_for=plan.asked_for,
        to_go=len(plan.to_run),
        shared=plan.asked_for - len(plan.to_run),
        trials_done=len(trials - waiting.keys()),
        _waiting=waiting,
    )


def note(path: Path, text: str) -> None:
    """Write a text file unless it says so already."""
    if not (path.exists() and path.read_text(encoding="utf-8") == text):
        write_atomically(path, text)


def versions() -> dict[str, str]:
    """Return the versions a reader of the results may want to know."""
    numbers = {"python": platform.python_version()}
    for name in VERSIONED:
        numbers[name] = importlib.metadata.version(name)
    return numbers
