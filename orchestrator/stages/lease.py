"""Leases in a store: at most one process at a time holds the lease of a stage and computes it.

A lease that is not renewed expires, so a holder may die on any host. On a disk the first process
to take a lease wins. In an object store two processes that take it at the same moment may both
succeed; that costs work and never a result, since stages are written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from orchestrator.stages.files import Files

FOLDER = "leases"


@dataclass(frozen=True)
class Lease:
    """The owner of a stage's lease, and when it expires (Unix seconds)."""

    key: str
    owner: str
    until: float


def now() -> float:
    """Return the time, Unix seconds: hosts that share a store must agree on it to a few seconds."""
    return datetime.now(UTC).timestamp()


def lease_lock(root: Path | None) -> AbstractContextManager[object]:
    """Return a lock on the leases below a store's root; an object store (None) has none."""
    if root is None:
        return nullcontext()
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    return FileLock(root / FOLDER / ".lock")


class Leases:
    """The leases of a store.

    Args:
        files: of the store.
        guard: locks the leases while one changes, on file systems that can.
        clock: Unix seconds.
    """

    def __init__(
        self,
        files: Files,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = now,
    ) -> None:
        self._files, self._guard, self._clock = files, guard, clock

    def take(self, key: str, owner: str, seconds: float) -> bool:
        """Take or renew a lease for some seconds; return False while another owner holds it."""
        lease = Lease(key, owner, self._clock() + seconds)
        data = json.dumps(asdict(lease)).encode()
        with self._guard():
            if not self._files.create(_path(key), data):
                if self.holder(key) not in (None, owner):
                    return False
                self._files.write(_path(key), data)
            return self.holder(key) == owner

    def release(self, key: str, owner: str) -> None:
        """Delete a lease if this owner holds it."""
        with self._guard():
            if self.holder(key) == owner:
                self._files.delete(_path(key))

    def holder(self, key: str) -> str | None:
        """Return the owner of a lease that has not expired, or None."""
        lease = _read(self._files.read(_path(key)))
        return lease.owner if lease and lease.until > self._clock() else None

    def keys(self) -> frozenset[str]:
        """Return the keys of all leases that have not expired."""
        leases = (_read(self._files.read(entry.path)) for entry in self._files.entries(FOLDER))
        return frozenset(lease.key for lease in leases if lease and lease.until > self._clock())


def _path(key: str) -> str:
    return f"{FOLDER}/{key}.json"


def _read(data: bytes | None) -> Lease | None:
    try:
        plain = json.loads(data or b"null")
        return plain and Lease(str(plain["key"]), str(plain["owner"]), float(plain["until"]))
    except (ValueError, KeyError, TypeError):  # no lease, or one cut short by a crash
        return None
