"""Holds leases: waits for one, takes over that of a dead owner, and renews one's own."""

from __future__ import annotations

import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.processes import has_ended
from orchestrator.errors import RepertoireError
from orchestrator.stages.storage.claims import Claims
from orchestrator.stages.storage.files import Files
from orchestrator.stages.storage.lease import LEASE_SECONDS, Leases

FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0  # stages of small sweeps take less than a second
AnyLeases = Leases | Claims
LeaseNote = Mapping[str, Any]


def open_leases(files: Files, folder: Path | None) -> AnyLeases:
    """Return the leases of a store, given its files and, on a file system, its folder."""
    return Claims(files) if folder is None else Leases(files, folder)


def create_owner() -> str:
    """Return a name for this process as an owner of leases; each call returns another."""
    return f"{platform.node()}/{os.getpid()}/{uuid.uuid4().hex}"


def is_dead(owner: str) -> bool:
    """Return whether an owner is a process of this host that has ended."""
    host, _, rest = owner.rpartition("/")[0].rpartition("/")
    # Of another host nothing is known: its leases are waited for until they expire.
    return host == platform.node() and rest.isdecimal() and has_ended(int(rest))


@contextmanager
def hold_lease(
    leases: AnyLeases,
    key: str,
    owner: str,
    is_done: Callable[[], bool],
    seconds: float = LEASE_SECONDS,
    note: LeaseNote | None = None,
) -> Iterator[None]:
    """Hold the lease of a stage during a block, once no other owner holds it or it is done.

    A store whose leases cannot be written is used without: they save work, and nothing else.

    Args:
        leases: of the store.
        key: of the stage.
        owner: a name that no other command has.
        is_done: returns whether the stage is stored, so that no lease is needed, whatever this
            host's cache of absent files says.
        seconds: after which a lease that is not renewed expires.
        note: where the stage is computed, for `running_stages`.
    """
    if wait_for_lease(leases, key, owner, is_done, seconds, note):
        with renew_lease(leases, key, owner, seconds, note):
            yield
    else:
        yield


@contextmanager
def hold_free_lease(
    leases: AnyLeases,
    key: str,
    owner: str,
    note: LeaseNote | None = None,
    seconds: float = LEASE_SECONDS,
) -> Iterator[bool]:
    """Hold the lease of a stage during a block unless another owner does; yield whether none does.

    As in `hold_lease`, a store whose leases cannot be written is used without.
    """
    try:
        taken = leases.take(key, owner, seconds, note)
        if not taken:
            leases.release(key, owner)  # a claim that may stand in a bucket
    except (OSError, NotImplementedError, RepertoireError):
        yield True
        return
    if taken:
        with renew_lease(leases, key, owner, seconds, note):
            yield True
    else:
        yield False


def wait_for_lease(
    leases: AnyLeases,
    key: str,
    owner: str,
    is_done: Callable[[], bool],
    seconds: float,
    note: LeaseNote | None = None,
) -> bool:
    """Take a lease; return False if the stage is done, or leases cannot be written.

    The lease of an owner that has died is taken over: at once if it is a process of this host, else
    when it was not renewed for its time as this process measures it: clocks of hosts may differ.
    """
    wait, waited, seen, since = FIRST_WAIT, False, None, time.monotonic()
    try:
        while not leases.take(key, owner, seconds, note):
            waited = True
            if is_done():
                leases.release(key, owner)  # a claim that may stand in a bucket
                return False
            lease = leases.read(key)
            # A renewed lease is another value, so that its time begins anew.
            if lease != seen:
                seen, since = lease, time.monotonic()
            stale = time.monotonic() - since > leases.lasting * seconds
            if lease is not None and (stale or is_dead(lease.owner)):
                leases.withdraw(lease)
                continue
            time.sleep(wait)
            # Doubled, so that a short stage is not waited for long, and a long one is not asked for
            # often.
            wait = min(2 * wait, LONGEST_WAIT)
        if waited:  # the former owner may have stored it since, which this host must see
            is_done()
    except (OSError, NotImplementedError, RepertoireError):
        return False
    return True


@contextmanager
def renew_lease(
    leases: AnyLeases, key: str, owner: str, seconds: float, note: LeaseNote | None
) -> Iterator[None]:
    """Renew a lease until the block ends, then release it.

    A renewal takes place after a third of its time, so that one may fail before it expires.
    """
    over = threading.Event()

    def renew() -> None:
        while not over.wait(seconds / 3):
            with suppress(OSError, RepertoireError):  # another owner may do the work again
                leases.take(key, owner, seconds, note)

    thread = threading.Thread(target=renew, name=f"lease {key[:8]}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        # Before the release, or a renewal under way would take the lease again.
        thread.join()
        with suppress(OSError, RepertoireError):  # it expires; what was computed counts
            leases.release(key, owner)
