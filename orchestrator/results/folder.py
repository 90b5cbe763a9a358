"""The folder of a sweep: its tables, versions and progress, written while it runs."""

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
from orchestrator.results.collect import collect_tables
from orchestrator.results.data_file import write_data
from orchestrator.results.kept_code import keep_code
from orchestrator.results.kept_files import FORMER
from orchestrator.results.tables import stage_keys, write_tables
from orchestrator.stages.outcomes import StageDiverged, StageDone, StageFailed
from orchestrator.stages.stage import Chain
from orchestrator.stages.storage.files import write_atomically
from orchestrator.stages.storage.record_cache import RecordCache
from orchestrator.stages.storage.references import register_reference
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

Show = Callable[[Progress], None]
CLOSING_SECONDS = 1.0  # for a tracker to finish; after that it continues in the background
PACKAGES = ("repertoire-cl", "ray", "torch", "torchvision", "mlflow", "numpy", "pandas", "pyarrow")


class Tracker(Protocol):
    """Sends the tables elsewhere when they have changed; it never raises or blocks."""

    def notify(self) -> None:
        """Note that the tables have changed."""

    def close(self, timeout_seconds: float) -> object:
        """Finish within a time, or continue in the background."""

    def run_ids(self) -> Mapping[str, str]:
        """Return `run_name` of a chain -> id of its run."""


def results_folder(sweep: Sweep, out: Path) -> Path:
    """Return the folder of a sweep's tables."""
    return out / sweep.name


def open_store(
    out: Path, uri: str | None, create: bool = True, read_only: bool = False
) -> StageStore:
    """Return the stage store at a URI; None: the one in the results folder."""
    if not (uri and "://" in uri):
        uri = str(Path(uri or out / "stages").resolve())  # workers may run in another folder
    return StageStore(uri, create, read_only)


class Tabulator:
    """Writes a sweep's tables while it runs, in at most a tenth of the time.

    Attributes:
        chains: the chains that have rows, in the order of the rows.
        store: the store of the records.
        folder: the folder of the sweep.
        records: the records of the store that were read.
        written: keys of the stages that were computed since the start.
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
        self.records = RecordCache(store)
        self.written: set[str] = set()
        self._registered: tuple[Chain, ...] = ()
        self._next = 0.0

    def prepare(self, sweep: Sweep) -> None:
        """Create the sweep's folder and write the sweep file and the user's code into it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_if_changed(self.folder / "sweep.yaml", sweep.text)
        keep_code(sweep, self.folder)
        write_data(sweep, self.folder)
        self.register()

    def register(self) -> None:
        """Register the stages of the sweep in the store, so that `store gc` keeps them."""
        if self.chains is not self._registered:
            keys = {key for chain in self.chains for key in chain.keys}
            keys |= stage_keys(self.folder / FORMER)
            register_reference(self.store, self.folder.parent, self.folder.name, keys)
            self._registered = self.chains

    def write_versions(self) -> None:
        """Write the versions of the packages that compute the sweep."""
        write_if_changed(
            self.folder / "versions.json", json.dumps(package_versions(), indent=1, sort_keys=True)
        )

    def is_due(self) -> bool:
        """Return whether enough time has passed since the tables were written."""
        return time.monotonic() >= self._next

    def refresh(self, before: Callable[[], None] = lambda: None) -> None:
        """Write the tables, after calling what brings `chains` up to date."""
        started = time.monotonic()
        before()
        self.register()
        ids = self._tracker.run_ids() if self._tracker else {}
        write_tables(collect_tables(self.chains, self.records, ids), self.folder)
        if self._tracker:
            self._tracker.notify()
        finished = time.monotonic()
        self._next = finished + max(1.0, 10 * (finished - started))

    def _await_records(self) -> bool:
        """Wait for records of other hosts that are not visible yet; return whether any are."""
        unseen = self.written - self.records.keys()
        with suppress(StoreUnreachable):  # the tables show which are missing
            for key in sorted(unseen):
                self.store.await_record(key)
        return bool(unseen)

    def close(self) -> None:
        """Write the tables, and again with late records and with the run ids of the tracker."""
        self.refresh()
        if self._await_records():
            self.refresh()
        if self._tracker:
            before = self._tracker.run_ids()
            self._tracker.close(timeout_seconds=CLOSING_SECONDS)
            if self._tracker.run_ids() != before:
                self.refresh()


def create_observer(
    progress: Progress,
    tables: Tabulator,
    show: Show,
    before: Callable[[], None] = lambda: None,
) -> Observer:
    """Return a function that counts each event in the progress, and writes tables and progress.

    Args:
        progress: the progress.
        tables: the tables.
        show: called with the progress.
        before: updates the progress and the chains of the tables before they are written.
    """
    file = ProgressFile(tables.folder)

    def observe(news: Event | Instruction) -> None:
        if isinstance(news, StageDone | StageDiverged):
            tables.written.add(news.key)
        if isinstance(news, StageFailed):
            tables.store.put_failure(news.key, news.story)
        progress.count(news)
        if isinstance(news, ChainAdvanced | ChainEnded) and tables.is_due():
            tables.refresh(before)
        file.show(progress)
        show(progress)

    return observe


def initial_progress(plan: Plan) -> Progress:
    """Return the progress of a sweep before it runs."""
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


def write_if_changed(path: Path, text: str) -> None:
    """Write a text file unless it has this text already."""
    if not (path.exists() and path.read_text(encoding="utf-8") == text):
        write_atomically(path, text)


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of PACKAGES by name."""
    numbers = {"python": platform.python_version()}
    for name in PACKAGES:
        numbers[name] = importlib.metadata.version(name)
    return numbers
