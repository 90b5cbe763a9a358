"""Views of a store's records: a cache, and the records that this release can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from orchestrator.errors import OtherRelease
from orchestrator.stages.record import Record, RecordRequest
from orchestrator.stages.storage.store import StageStore

NO_TASKS: frozenset[str] = frozenset()


class Records(Protocol):
    """The part of a store that plans and tables use."""

    def records(self, requests: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return the records that exist of stages (key) scored on tasks (task keys)."""

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt if it failed, else None."""

    def failed_worker(self, key: str) -> dict[str, Any]:
        """Return node, pid, device and log of the last attempt if it failed and they are known."""


class RecordCache:
    """A cache of a store's records; an absent record is looked up again each time.

    A record never changes. Its `spec` is left out, since all records of a large sweep are in memory
    at once.

    Args:
        store: the store.
    """

    def __init__(self, store: Records) -> None:
        self._store = store
        self._known: dict[RecordRequest, Record] = {}

    def records(self, requests: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return the records that exist of many."""
        cached = {one: self._recall(one) for one in requests}
        unknown = [one for one, record in cached.items() if record is None]
        for one, record in self._store.records(unknown).items():
            cached[one] = self._known[one] = replace(record, spec={})
        return {one: record for one, record in cached.items() if record is not None}

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt if it failed, else None."""
        return self._store.failure(key)

    def failed_worker(self, key: str) -> dict[str, Any]:
        """Return node, pid, device and log of the last attempt if it failed and they are known."""
        return self._store.failed_worker(key)

    def keys(self) -> set[str]:
        """Return the keys of the stages in the cache."""
        return {key for key, _ in self._known}

    def environments(self) -> list[Mapping[str, str]]:
        """Return the environment of each record in the cache."""
        return [record.environment for record in self._known.values()]

    def _recall(self, one: RecordRequest) -> Record | None:
        """Return a cached record that is scored on the requested tasks, or None."""
        key, task_keys = one
        if (record := self._known.get(one)) is not None:
            return record
        record = self._known.get((key, NO_TASKS))
        if record is None or record.status == "diverged":
            return record
        return record if task_keys <= record.evaluation.keys() else None


class ReadableRecords:
    """The records of a store that this release can read; one of another release counts as absent.

    Args:
        store: the store.

    Attributes:
        foreign: key -> message, of the records of another release that were looked up.
    """

    def __init__(self, store: StageStore) -> None:
        self._store = store
        self.foreign: dict[str, str] = {}

    def record(self, key: str, task_keys: Iterable[str] = ()) -> Record | None:
        """Return a stage's record that covers `task_keys`; None if none can be read."""
        try:
            return self._store.record(key, task_keys)
        except OtherRelease as error:
            self.foreign[key] = str(error)
            return None

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt if it failed, else None."""
        return self._store.failure(key)

    def await_record(self, key: str, task_keys: Iterable[str] = ()) -> Record:
        """Return a record that was written, once it can be seen."""
        return self._store.await_record(key, task_keys)

    def records(self, requests: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return the records that can be read of many."""
        requests = list(requests)
        try:
            return self._store.records(requests)  # in parallel from a shared store
        except OtherRelease:
            read = {request: self.record(*request) for request in requests}
            return {request: record for request, record in read.items() if record is not None}
