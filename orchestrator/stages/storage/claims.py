"""Leases in an object store, which writes and lists objects but creates none exclusively.

To lease a stage, a process writes an object of its own, a claim, and lists all claims. It has the
lease if no other claims the stage. A listing has all that was written before, so of two that claim
a stage at once, one at least sees both, and never does each see itself alone. Of claimants that see
each other, the first by name keeps its claim and lists again; the others withdraw theirs. A claim
is renewed by writing it again, and has expired when its object stays the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from orchestrator.stages.storage.files import FileEntry, Files
from orchestrator.stages.storage.lease import LEASE_SECONDS, LEASES, Lease, unix_time

LASTING = 2.0  # times its seconds: how long a claim counts that is not renewed


class Claims:
    """The leases of an object store.

    Args:
        files: of the store.
        clock: returns seconds; expiry is measured with it alone, so clocks need not agree.

    Attributes:
        lasting: times its seconds: how long a claim counts that is not renewed.
    """

    lasting = LASTING

    def __init__(self, files: Files, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._clock = files, clock
        self._held: set[str] = set()
        self._contested: set[str] = set()
        self._first_seen: dict[tuple[str, float], float] = {}

    def take(
        self, key: str, owner: str, seconds: float, note: Mapping[str, Any] | None = None
    ) -> bool:
        """Take or renew a lease; return False while another owner claims it.

        The note is kept in the claim, for `running_stages`.
        """
        own = _claim_path(key, owner)
        # A renewal needs no listing: nobody takes a lease that its owner renews in time.
        if own in self._held:
            self._write(own, note)
            return True
        # Looked at before writing: a claim that was withdrawn must not be written anew while others
        # stand.
        paths = self._live_claims(key, seconds) if own in self._contested else []
        if not paths:  # the usual case: no other claim is known
            self._write(own, note)
            paths = self._live_claims(key, seconds)
        if set(paths) <= {own}:
            self._held.add(own)
            return True
        # The first by name stays: all that see the same claims choose the same one.
        if own in paths and own != min(paths):
            self._files.delete(own)
        self._contested.add(own)
        return False

    def release(self, key: str, owner: str) -> None:
        """Delete the claim of an owner."""
        own = _claim_path(key, owner)
        self._held.discard(own)
        self._files.delete(own)

    def withdraw(self, lease: Lease) -> None:
        """Delete the claim of another owner unless it was renewed meanwhile."""
        if self.read(lease.key) == lease:
            self._files.delete(_claim_path(lease.key, lease.owner))

    def read(self, key: str) -> Lease | None:
        """Return the newest claim of another owner; None if there is none."""
        others = [e for e in self._entries(key) if e.path not in self._contested | self._held]
        return _lease(max(others, key=lambda entry: entry.modified)) if others else None

    def keys(self) -> frozenset[str]:
        """Return the keys of all claims that were written lately, by the clock of this host."""
        leases = map(_lease, self._files.entries(LEASES))
        return frozenset(lease.key for lease in leases if lease.until > unix_time())

    def _write(self, path: str, note: Mapping[str, Any] | None) -> None:
        lease = _lease(FileEntry(path, 0, unix_time()))
        content = {"key": lease.key, "owner": lease.owner, **(note or {})}
        self._files.write(path, json.dumps(content).encode())

    def _live_claims(self, key: str, seconds: float) -> list[str]:
        """Return the claims of a stage; delete those that have not changed for too long."""
        now, paths = self._clock(), list[str]()
        for entry in self._entries(key):
            # By the time that passed here since the object was first seen as it is: clocks need not
            # agree.
            since = self._first_seen.setdefault((entry.path, entry.modified), now)
            if now - since > LASTING * seconds:
                self._files.delete(entry.path)
            else:
                paths.append(entry.path)
        return paths

    def _entries(self, key: str) -> Iterator[FileEntry]:
        return (e for e in self._files.entries(LEASES) if e.path.startswith(f"{LEASES}/{key}."))


def _claim_path(key: str, owner: str) -> str:
    return f"{LEASES}/{key}.{quote(owner, safe='')}.json"


def _lease(entry: FileEntry) -> Lease:
    """Return the lease that the name and the time of an object stand for."""
    key, _, owner = entry.path.removeprefix(f"{LEASES}/").removesuffix(".json").partition(".")
    return Lease(key, unquote(owner), entry.modified + LASTING * LEASE_SECONDS)
