"""Leases: processes that share nothing but a store compute each stage once.

The process that takes the lease of a stage computes it; the others wait and read the result. A
lease that is not renewed expires, so its owner may die on any host. On a file system the first
process to take a lease wins. In an object store two processes that take it at the same moment may
both succeed; that costs work and never a result, since stages are written once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from orchestrator.errors import RepertoireError
from orchestrator.stages.outcomes import ParentLost, StageFailed
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.files import Files
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import Order, compute_order

FOLDER = "leases"
LEASE_SECONDS = 30.0
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0


@dataclass(frozen=True)
class Lease:
    """The owner of a stage's lease, and when it expires (Unix seconds)."""

    key: str
    owner: str
    until: float


def unix_time() -> float:
    """Return Unix seconds; the clocks of hosts that share a store must agree to a few seconds."""
    return datetime.now(UTC).timestamp()


class Leases:
    """The leases of a store.

    Args:
        files: of the store.
        folder: its root on a file system, where a lock guards each change; None in an object store.
        clock: returns Unix seconds.
    """

    def __init__(
        self, files: Files, folder: Path | None = None, clock: Callable[[], float] = unix_time
    ) -> None:
        self._files, self._folder, self._clock = files, folder, clock

    def take(self, key: str, owner: str, seconds: float) -> bool:
        """Take or renew a lease for some seconds; return False while another owner holds it."""
        lease = Lease(key, owner, self._clock() + seconds)
        data = json.dumps(asdict(lease)).encode()
        with self._lock():
            if not self._files.create(_lease_path(key), data):
                if self.holder(key) not in (None, owner):
                    return False
                self._files.write(_lease_path(key), data)
            return self.holder(key) == owner

    def release(self, key: str, owner: str) -> None:
        """Delete a lease if this owner holds it."""
        with self._lock():
            if self.holder(key) == owner:
                self._files.delete(_lease_path(key))

    def holder(self, key: str) -> str | None:
        """Return the owner of a lease that has not expired, or None."""
        lease = _parse_lease(self._files.read(_lease_path(key)))
        return lease.owner if lease and lease.until > self._clock() else None

    def keys(self) -> frozenset[str]:
        """Return the keys of all leases that have not expired."""
        leases = (
            _parse_lease(self._files.read(entry.path)) for entry in self._files.entries(FOLDER)
        )
        return frozenset(lease.key for lease in leases if lease and lease.until > self._clock())

    def _lock(self) -> AbstractContextManager[object]:
        if self._folder is None:
            return nullcontext()
        (self._folder / FOLDER).mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder / FOLDER / ".lock")


def _lease_path(key: str) -> str:
    return f"{FOLDER}/{key}.json"


def _parse_lease(data: bytes | None) -> Lease | None:
    try:
        plain = json.loads(data or b"null")
        return plain and Lease(str(plain["key"]), str(plain["owner"]), float(plain["until"]))
    except (ValueError, KeyError, TypeError):  # truncated by a crash
        return None


@dataclass(frozen=True)
class LeasedStore:
    """A store whose missing stages this process computes, each under its lease.

    Attributes:
        store: of the stages.
        owner: a name that no other process has.
        computed_for: (sweep, trial_id, seed) to note in the records.
        device: "cpu" or "cuda".
        lease_seconds: time after which the lease of a dead process expires.
    """

    store: StageStore
    owner: str
    computed_for: tuple[str, str, int]
    device: str = "cpu"
    lease_seconds: float = LEASE_SECONDS

    @cached_property
    def leases(self) -> Leases:
        """The leases of the store."""
        return Leases(self.store.files, self.store.folder)

    def obtain(self, chain: Sequence[Stage]) -> tuple[Record, bool]:
        """Return the record of the last stage of a chain, and whether it was computed here.

        If an earlier stage diverged, its record is returned.

        Args:
            chain: the stages from the first to the requested one; earlier stages that the store
                lacks are computed as well.

        Raises:
            RepertoireError: the stage failed; its story is in the store.
        """
        stage, wait = chain[-1], FIRST_WAIT
        while True:
            record = self.store.record(stage.key, stage.task_keys)
            if record is not None:
                return record, False
            if self.leases.take(stage.key, self.owner, self.lease_seconds):
                with self._renew_lease(stage.key):
                    computed = self._compute(chain)
                if computed is not None:
                    return computed
                continue
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _compute(self, chain: Sequence[Stage]) -> tuple[Record, bool] | None:
        """Compute the last stage; None if its parent was missing and was obtained instead."""
        stage = chain[-1]
        record = self.store.record(stage.key, stage.task_keys)  # of the lease's former owner
        if record is not None:
            return record, False
        outcome = compute_order(Order((stage,), self.computed_for), self.store, self.device)
        if isinstance(outcome, ParentLost):
            parent = next(i for i, other in enumerate(chain) if other.key == stage.parent)
            record, _ = self.obtain(chain[: parent + 1])
            return (record, False) if record.status == "diverged" else None
        if isinstance(outcome, StageFailed):
            self.store.put_failure(stage.key, outcome.story)
            raise RepertoireError(f"task {stage.after} failed: {outcome.story}")
        record = self.store.record(stage.key, stage.task_keys)
        return None if record is None else (record, True)

    @contextmanager
    def _renew_lease(self, key: str) -> Iterator[None]:
        """Renew a lease until the block ends, then release it."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self.lease_seconds / 3):
                self.leases.take(key, self.owner, self.lease_seconds)

        thread = threading.Thread(target=renew, name=f"lease {key[:8]}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.leases.release(key, self.owner)
