"""Records of a store kept at hand, so that each is read once: for a plan, then for the tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from orchestrator.stages.record import Record, RecordRequest

NO_TASKS: frozenset[str] = frozenset()


class Records(Protocol):
    """What plans and tables ask of a store."""

    def records(self, wanted: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return the records that are there, of stages (key) scored on tasks (task keys)."""

    def failure(self, key: str) -> str | None:
        """Return why a stage failed the last time it was tried, if it did."""


class KnownRecords:
    """A store's records, kept once they are read; one that is not there is looked for again.

    A record is written once and stays what it is. What describes its stage to a reader (`spec`) is
    left out: a large sweep holds all its records at a time.

    Args:
        store: where they are.
    """

    def __init__(self, store: Records) -> None:
        self._store = store
        self._known: dict[RecordRequest, Record] = {}

    def records(self, wanted: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return those of many records that are there."""
        known = {one: self._recall(one) for one in wanted}
        unknown = [one for one, record in known.items() if record is None]
        for one, record in self._store.records(unknown).items():
            known[one] = self._known[one] = replace(record, spec={})
        return {one: record for one, record in known.items() if record is not None}

    def failure(self, key: str) -> str | None:
        """Return why a stage failed the last time it was tried, if it did."""
        return self._store.failure(key)

    def keys(self) -> set[str]:
        """Return the stages of which something was read."""
        return {key for key, _ in self._known}

    def _recall(self, one: RecordRequest) -> Record | None:
        """Return a record as it was read for these tasks, or for any if it scores these."""
        key, task_keys = one
        if (record := self._known.get(one)) is not None:
            return record
        record = self._known.get((key, NO_TASKS))
        if record is None or record.status == "diverged":
            return record
        return record if task_keys <= record.evaluation.keys() else None
