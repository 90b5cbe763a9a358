"""Retries operations on a store that is out of reach or does not show a new file yet.

Arrow retries a request to a bucket for a moment. A store may be away for minutes, of which the user
is told once, and no library of the dependencies does that.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from orchestrator.benchmarks.atomic_files import PARTIAL
from orchestrator.errors import StoreFull, StoreUnreachable, StoreUnwritable

T = TypeVar("T")
DENIED = ("ACCESS_DENIED", "PERMISSION_DENIED")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
FULL = {errno.ENOSPC, errno.EDQUOT}
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
# Errors of a network file system whose server is away.
AWAY = {
    errno.ESTALE,
    errno.EIO,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ECONNRESET,
    errno.ECONNREFUSED,
    errno.ECONNABORTED,
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EPIPE,
}
# Object stores give no errno; these messages denote errors that no retry resolves.
LASTING = (
    *DENIED,
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "EXPIRED_TOKEN",
    "INVALID_CLIENT_TOKEN_ID",
    "MISSING_AUTHENTICATION_TOKEN",
    "not found",
    "Permanent error",
    "UNAUTHENTICATED",
)


@dataclass(frozen=True)
class RetryPolicy:
    """How long to retry operations on a store.

    Attributes:
        unreachable_seconds: limit for a store that does not answer.
        invisible_seconds: limit for a record that was written and is not visible yet.
        warn: called once per wait, after the first pause.
        sleep, clock: of the process; a test passes its own.
    """

    unreachable_seconds: float = 300.0
    invisible_seconds: float = 90.0
    warn: Callable[[str], None] = logging.getLogger("repertoire").warning
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def poll(self, attempt: Callable[[], T | None], limit_seconds: float, story: str) -> T | None:
        """Call `attempt` until it returns something other than None or the limit is over."""
        ends, pause, silent = self.clock() + limit_seconds, FIRST_PAUSE_SECONDS, True
        while True:
            result = attempt()
            left = ends - self.clock()
            if result is not None or left <= 0:
                return result
            # Most waits end with the first pause, which is not worth a warning.
            if silent and pause > FIRST_PAUSE_SECONDS:
                self.warn(f"{story}; waiting for {limit_seconds:.0f} s at most")
                silent = False
            self.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def call(self, action: Callable[[], T], where: str) -> T:
        """Return the result of an action on files, retrying while the store does not answer.

        Raises:
            StoreUnreachable: it did not answer within the limit, or refuses for good.
            StoreUnwritable: the disk is full (StoreFull) or read-only.
        """
        try:
            return action()
        except OSError as error:
            raise_if_lasting(error, where)
            failure = error

        def attempt() -> tuple[T] | None:
            nonlocal failure
            try:
                # In a tuple, since an action may return None.
                return (action(),)
            except OSError as error:
                raise_if_lasting(error, where)
                failure = error
                return None

        try:
            story = f"store {where} cannot be reached: {failure}"
            result = self.poll(attempt, self.unreachable_seconds, story)
        finally:
            failure, last = OSError(), failure  # no cycle through the traceback
        if result is None:
            raise StoreUnreachable(
                f"store {where} could not be reached for {self.unreachable_seconds:.0f} s: {last}. "
                "What was computed is kept; the same command continues"
            ) from last
        return result[0]


def raise_if_lasting(error: OSError, where: str) -> None:
    """Raise StoreUnwritable or StoreUnreachable for an error that no retry resolves."""
    if error.errno in FULL:
        raise StoreFull(
            f"store {where}: no space is left on its disk. Make room there, with `repertoire store "
            "gc` for example, or name another store with --store. What was computed is kept; the "
            "same command continues"
        ) from error
    if error.errno in REFUSED:
        raise StoreUnwritable(
            f"store {where} may not be written: {error.strerror}, {_refused_place(error)}. Change "
            "its permissions, or name another store with --store"
        ) from error
    if is_lasting(error):
        raise StoreUnreachable(f"store {where} cannot be used: {error}") from error


def _refused_place(error: OSError) -> Path:
    """Return the file that may not be written, or the folder if the file is a temporary one."""
    place = Path(str(error.filename))
    return place.parent if place.name.endswith(PARTIAL) else place


def is_lasting(error: OSError) -> bool:
    """Return whether no retry resolves an error."""
    if error.errno is not None:
        return error.errno not in AWAY
    return any(word in str(error) for word in LASTING)
