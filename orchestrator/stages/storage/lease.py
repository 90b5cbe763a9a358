"""Leases: processes that share nothing but a store compute each stage once.

The process that takes the lease of a stage computes it; the others wait and read the result. One
that sees a lease unchanged for its time withdraws it, so its owner may die on any host, whatever
the clocks of hosts say. Here on a file system, where the first process to take a lease wins;
`claims.py` has those of an object store. If two processes hold a lease all the same, that costs
work and never a result, since stages are written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from orchestrator.hashing import parse_json
from orchestrator.stages.storage.files import Files

LEASES = "leases"
# The work of a host that died waits so long; a shorter one needs more renewals.
LEASE_SECONDS = 30.0


@dataclass(frozen=True)
class Lease:
    """The owner of a stage's lease, and when it expires (Unix seconds, by its owner's clock)."""

    key: str
    owner: str
    until: float


def unix_time() -> float:
    """Return Unix seconds, which the clocks of hosts may differ in."""
    return datetime.now(UTC).timestamp()


class Leases:
    """The leases of a store.

    Args:
        files: of the store.
        folder: its root, where a lock guards takeovers.
        clock: returns Unix seconds.

    Attributes:
        lasting: times its seconds: how long a lease counts that is not renewed.
    """

    lasting = 1.0

    def __init__(self, files: Files, folder: Path, clock: Callable[[], float] = unix_time) -> None:
        self._files, self._folder, self._clock = files, folder, clock

    def take(
        self, key: str, owner: str, seconds: float, note: Mapping[str, Any] | None = None
    ) -> bool:
        """Take or renew a lease for some seconds; return False while another owner has it.

        No clock tells whether that owner still renews it; see `wait_for_lease`. The note is kept
        beside the lease, for `running_stages`.
        """
        lease = Lease(key, owner, self._clock() + seconds)
        data = json.dumps(asdict(lease) | dict(note or {})).encode()
        # The usual case: no other owner holds it. Of several creators one succeeds.
        if self._files.is_exclusive and self._files.create(_lease_path(key), data):
            return True
        with self._lock():
            if not self._files.create(_lease_path(key), data):
                # What is no lease is replaced; one's own is renewed.
                if self.holder(key) not in (None, owner):
                    return False
                self._files.write(_lease_path(key), data)
            # Read back, since a disk may have no locks that hold.
            return self.holder(key) == owner

    def release(self, key: str, owner: str) -> None:
        """Delete a lease if this owner holds it."""
        if self.holder(key) == owner:
            self._files.delete(_lease_path(key))

    def withdraw(self, lease: Lease) -> None:
        """Delete a lease unless it was renewed or taken meanwhile."""
        with self._lock():
            if self.read(lease.key) == lease:
                self._files.delete(_lease_path(lease.key))

    def read(self, key: str) -> Lease | None:
        """Return the lease of a stage, expired or not; None if there is none."""
        return _parse_lease(self._files.read(_lease_path(key)))

    def holder(self, key: str) -> str | None:
        """Return the owner of a lease, expired or not; None if there is none."""
        lease = self.read(key)
        return lease.owner if lease else None

    def keys(self) -> frozenset[str]:
        """Return the keys of all leases that have not expired by the clock of this host."""
        leases = (
            _parse_lease(self._files.read(entry.path)) for entry in self._files.entries(LEASES)
        )
        return frozenset(lease.key for lease in leases if lease and lease.until > self._clock())

    def _lock(self) -> FileLock:
        (self._folder / LEASES).mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder / LEASES / ".lock")


def _lease_path(key: str) -> str:
    return f"{LEASES}/{key}.json"


def _parse_lease(data: bytes | None) -> Lease | None:
    try:
        plain = parse_json(data or b"null")
        return plain and Lease(str(plain["key"]), str(plain["owner"]), float(plain["until"]))
    except (ValueError, KeyError, TypeError):  # truncated by a crash
        return None
