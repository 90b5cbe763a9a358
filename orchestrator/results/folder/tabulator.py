"""The folder of a sweep: its tables, versions and progress, written while it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol

from orchestrator.columns import UNFINISHED
from orchestrator.errors import RepertoireError, StoreUnreachable, StoreUnwritable
from orchestrator.results.addresses import address_of
from orchestrator.results.folder.data_file import write_data
from orchestrator.results.folder.kept_code import keep_code
from orchestrator.results.folder.kept_files import FORMER
from orchestrator.results.folder.versions import package_versions, versions_of, write_if_changed
from orchestrator.results.tables.collect import collect_tables
from orchestrator.results.tables.tables import read_table, stage_keys, write_tables
from orchestrator.stages.stage import Chain
from orchestrator.stages.storage.record_cache import RecordCache
from orchestrator.stages.storage.registration import Registration
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

# For a tracker to finish; after that it continues in the background. None, since the import of
# MLflow alone takes longer than a user would wait.
CLOSING_SECONDS = 0.0
VERSIONS = "versions.json"


class Tracker(Protocol):
    """Sends the tables elsewhere when they have changed; it never raises or blocks."""

    def notify(self) -> None:
        """Note that the tables have changed."""

    def close(self, timeout_seconds: float) -> object:
        """Finish within a time, or continue in the background."""

    def run_ids(self) -> Mapping[str, str]:
        """Return `run_name` of a chain -> id of its run."""


class Tabulator:
    """Writes a sweep's tables while it runs, in at most a tenth of the time.

    Attributes:
        chains: the chains that have rows, in the order of the rows.
        store: the store of the records.
        folder: the folder of the sweep.
        records: the records of the store that were read.
        written: keys of the stages that were computed since the start.
        unfinished: why trials are incomplete that nothing stopped.
        further_keys: stages without rows that the sweep needs as long as it is kept.
        refusal: why the store cannot be written, once that is known; None if it can.
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
        self.unfinished = f"{UNFINISHED} yet"
        self.further_keys: frozenset[str] = frozenset()
        self.refusal: StoreUnwritable | None = None
        self._registered: tuple[Chain, ...] | None = None
        self._next = 0.0

    def prepare(self, sweep: Sweep) -> None:
        """Create the sweep's folder and write the sweep file and the user's code into it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_if_changed(self.folder / "sweep.yaml", sweep.text)
        keep_code(sweep, self.folder)
        write_data(sweep, self.folder)
        self.register()

    @cached_property
    def registration(self) -> Registration:
        """The stages that the sweep registered with the store, which `store gc` keeps."""
        out = self.folder.parent
        return Registration(self.store, address_of(out) or out, self.folder.name)

    def register(self) -> None:
        """Register the stages of the rows, beside those that were registered before.

        A sweep that runs again may not have found all its rows yet, so nothing is withdrawn.
        """
        # The tuple is replaced, never changed, so its identity tells whether chains were added.
        if self.chains is not self._registered:
            keys = self.registration.keys | self._row_keys()
            if self._registered is None:
                keys |= self._table_keys()
            self._change_registration(lambda: self.registration.replace(keys))
            self._registered = self.chains

    def add_keys(self, keys: Iterable[str]) -> None:
        """Register further stages, which have no rows yet."""
        self._change_registration(lambda: self.registration.add(keys))

    def withdraw_others(self) -> None:
        """Register the stages of the rows and of former tables alone: the sweep is complete."""
        keys = self._row_keys() | stage_keys(self.folder / FORMER)
        self._change_registration(lambda: self.registration.replace(keys))

    def _change_registration(self, change: Callable[[], None]) -> None:
        """Change the registration; of a store that cannot be written, note why.

        A sweep whose stages it all has is answered from it nevertheless.
        """
        if self.refusal is None:
            try:
                change()
            except StoreUnwritable as error:
                self.refusal = error

    def require_writable(self) -> None:
        """Raise StoreUnwritable if the store cannot be written; called before stages are computed.

        Raises:
            StoreUnwritable: it cannot.
        """
        if self.refusal is not None:
            raise type(self.refusal)(
                f"{self.refusal}. It lacks stages of this sweep (repertoire plan counts them), and "
                "none was computed"
            ) from self.refusal

    def _row_keys(self) -> set[str]:
        return {key for chain in self.chains for key in chain.keys} | self.further_keys

    def _table_keys(self) -> frozenset[str]:
        """Return the keys in the tables of earlier runs, which may be of another store or host."""
        # Former tables can still be opened, so their stages are in use too.
        keys = stage_keys(self.folder / FORMER)
        with suppress(RepertoireError):  # none yet, or damaged and about to be written anew
            keys |= {*read_table(self.folder, "stages", ["key"])["key"].drop_null().to_pylist()}
        return keys

    def write_versions(self) -> None:
        """Write the versions of the packages that compute the sweep."""
        self._write_versions(package_versions())

    def _write_versions(self, versions: Mapping[str, str]) -> None:
        write_if_changed(self.folder / VERSIONS, json.dumps(versions, indent=1, sort_keys=True))

    def _name_stored_versions(self) -> None:
        """Write the versions that records name, if no stage was computed for this sweep yet."""
        if (self.folder / VERSIONS).is_file():
            return
        if versions := versions_of(self.records.environments()):
            self._write_versions(versions)

    def is_due(self) -> bool:
        """Return whether enough time has passed since the tables were written."""
        return time.monotonic() >= self._next

    def refresh(self, before: Callable[[], None] = lambda: None) -> None:
        """Write the tables, after calling what brings `chains` up to date."""
        started = time.monotonic()
        # The stages of new rows are registered before the rows can be read.
        before()
        self.register()
        ids = self._tracker.run_ids() if self._tracker else {}
        write_tables(collect_tables(self.chains, self.records, ids, self.unfinished), self.folder)
        self._name_stored_versions()
        if self._tracker:
            self._tracker.notify()
        finished = time.monotonic()
        self._next = finished + max(1.0, 10 * (finished - started))

    def note_end(self, reason: str | None) -> None:
        """Note why the run ends before its trials do, if it does."""
        self.unfinished = f"{UNFINISHED}: {reason}" if reason else self.unfinished

    def _await_records(self) -> bool:
        """Wait for records of other hosts that are not visible yet; return whether any are."""
        unseen = self.written - self.records.keys()
        with suppress(StoreUnreachable):  # the tables show which are missing
            for key in sorted(unseen):
                self.store.await_record(key)
        return bool(unseen)

    def close(self) -> None:
        """Write the tables, and again with late records and with the run ids of the tracker.

        Records that were read one by one from a bucket are packed for the next command.
        """
        self.refresh()
        if self._await_records():
            self.refresh()
        if self.store.packs:
            self.store.packs.write()
        if self._tracker:
            before = self._tracker.run_ids()
            self._tracker.close(timeout_seconds=CLOSING_SECONDS)
            # Runs that were sent last have their ids only now, and the table has a column for them.
            if self._tracker.run_ids() != before:
                self.refresh()
