"""A lease for the writer of a sweep's folder in a bucket, as stages have them in a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import RepertoireError, StoreUnreachable, StoreUnwritable
from orchestrator.hashing import parse_json
from orchestrator.results.bucket.bucket_folder import BucketFolder
from orchestrator.results.folder.owner import describe_owner, in_use_error
from orchestrator.stages.storage.claims import LASTING, Claims
from orchestrator.stages.storage.files import Files
from orchestrator.stages.storage.lease import LEASE_SECONDS, LEASES, Lease
from orchestrator.stages.storage.lease_holding import create_owner, is_dead, renew_lease
from orchestrator.stages.storage.retry import RetryPolicy

WRITER = "writer"  # the key of the lease
POLL_SECONDS = 2.0
# Shorter than for what is published: the end of a run may wait for two requests in a row.
BRIEF = RetryPolicy(unreachable_seconds=30.0)


@contextmanager
def hold_writer_lease(
    place: BucketFolder, say: Callable[[str], object], seconds: float = LEASE_SECONDS
) -> Iterator[None]:
    """Lease a sweep's folder in a bucket for writing, during a block.

    An owner that does not renew its lease for twice its time has ended, and its lease is taken.

    Args:
        place: the sweep's folder.
        say: called with a line on an owner that is waited for.
        seconds: the time of the lease; it is renewed three times as often.

    Raises:
        RepertoireError: another process writes into the folder, which it names; nobody may write
            there with these credentials; or there is no such bucket.
    """
    lease = _WriterLease(place, place.with_retry(BRIEF).files(), say, seconds)
    try:
        try:
            lease.take()
        except StoreUnreachable:
            place.require_bucket()  # which may come back: waited for as long as a store is
            lease.take()
    except StoreUnwritable as error:
        raise RepertoireError(
            f"{place.address} may not be written with these credentials: {error.__cause__}. Use "
            "others, or give another folder with --out"
        ) from error
    with renew_lease(lease.claims, WRITER, lease.owner, seconds, lease.note):
        yield


@dataclass
class _WriterLease:
    place: BucketFolder
    files: Files
    say: Callable[[str], object]
    seconds: float
    owner: str = field(default_factory=create_owner)

    def __post_init__(self) -> None:
        self.claims = Claims(self.files)
        self.note = {"since": time.strftime("%Y-%m-%d %H:%M:%S")}

    def take(self) -> None:
        """Take the lease, once its owner has ended; raise if the owner renews it."""
        seen, since = None, time.monotonic()
        while not self.claims.take(WRITER, self.owner, self.seconds, self.note):
            other = self.claims.read(WRITER)
            if other is not None and is_dead(other.owner):
                self.claims.withdraw(other)
                continue
            if other is not None:
                self._compare(other, seen)
                seen = other
            time.sleep(min(POLL_SECONDS, self.seconds / 3))
        if seen is not None and time.monotonic() - since > LASTING * self.seconds:
            self.say(
                f"{describe_owner(_parse_owner(seen.owner))} gives no sign of life any more; this "
                f"run takes over {self.place.address}"
            )

    def _compare(self, other: Lease, seen: Lease | None) -> None:
        """Say that the lease of another owner is waited for; raise if it was renewed since."""
        if seen is None:
            who = describe_owner(self._read_owner(other))
            self.say(
                f"{self.place.address} was being written by {who}; waiting up to "
                f"{LASTING * self.seconds:.0f} s for a sign of life"
            )
        elif seen.owner == other.owner and seen != other:
            self.claims.release(WRITER, self.owner)  # a claim that may stand
            raise in_use_error(self.place.address, self._read_owner(other))

    def _read_owner(self, lease: Lease) -> dict[str, Any]:
        for entry in self.files.entries(LEASES):
            try:
                content = parse_json(self.files.read(entry.path) or b"null")
                if content["owner"] == lease.owner:
                    return {**_parse_owner(lease.owner), "since": content["since"]}
            except (ValueError, KeyError, TypeError):
                continue
        return _parse_owner(lease.owner)


def _parse_owner(owner: str) -> dict[str, Any]:
    host, pid, _ = owner.rsplit("/", 2)
    return {"host": host, "pid": pid}
