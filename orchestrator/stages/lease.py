"""Leases in a store: of several processes that may do one piece of work, one holds it for a time.

A lease that is not renewed ends by itself, on whatever host its holder died. On a disk the first
to take a lease wins; in an object store two that take it in the same moment may both believe that
they did, which costs work and never a result, since stages are written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from orchestrator.stages.files import Files

FOLDER = "leases"


@dataclass(frozen=True)
class Lease:
    """Who holds a piece of work, and until when (Unix seconds)."""

    key: str
    owner: str
    until: float


def now() -> float:
    """Return the time, Unix seconds: hosts that share a store must agree on it to a few seconds."""
    return datetime.now(UTC).timestamp()


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
        mine = Lease(key, owner, self._clock() + seconds)
        data = json.dumps(asdict(mine)).encode()
        with self._guard():
            if not self._files.create(_path(key), data):
                if self.holder(key) not in (None, owner):
                    return False
                self._files.write(_path(key), data)
            return self.holder(key) == owner

    def release(self, key: str, owner: str) -> None:
        """End a lease before its time, if this owner holds it."""
        with self._guard():
            if self.holder(key) == owner:
                self._files.delete(_path(key))

    def holder(self, key: str) -> str | None:
        """Return the owner of a lease that has not ended, or None."""
        lease = _read(self._files.read(_path(key)))
        return lease.owner if lease and lease.until > self._clock() else None

    def keys(self) -> frozenset[str]:
        """Return the keys of all leases that have not ended."""
        leases = (_read(self._files.read(entry.path)) for entry in self._files.entries(FOLDER))
        return frozenset(lease.key for lease in leases if lease and lease.until > self._clock())


def _path(key: str) -> str:
    return f"{FOLDER}/{key}.json"


def _read(data: bytes | None) -> Lease | None:
    try:
        plain = json.loads(data or b"null")
        return plain and Lease(str(plain["key"]), str(plain["owner"]), float(plain["until"]))
    except (ValueError, KeyError, TypeError):  # half a lease, or none: nobody holds it
        return None
