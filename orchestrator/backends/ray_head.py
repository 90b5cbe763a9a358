"""Checks whether the head of a Ray cluster answers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from orchestrator.errors import KEPT, RepertoireError

Say = Callable[[str], object]
# A probe is one connection, and a lost head is noticed before Ray ends the process.
PROBE_EVERY_SECONDS = 5.0
RECONNECT = "RAY_gcs_rpc_server_reconnect_timeout_s"


class ClusterLost(RepertoireError):
    """The Ray cluster is unreachable or makes no progress; finished stages are in the store."""

    exit_code = 1


def require_listener(address: str, timeout_seconds: float = 10.0) -> None:
    """Raise OSError if nothing listens at an address; Ray itself would retry for minutes.

    Addresses of other forms than HOST:PORT are left to Ray.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout_seconds).close()


class HeadProbe:
    """Connects to the head of the cluster; Ray itself would end this process after a minute.

    Args:
        address: HOST:PORT of the head.
        say: called with a line that the user should read.
        limit_seconds: how long the head may fail to answer.
    """

    def __init__(self, address: str, say: Say, limit_seconds: float | None = None) -> None:
        self._address, self._say = address, say
        # Half of Ray's own limit, at which it ends this process without a word to the user.
        self._limit = reconnect_seconds() / 2 if limit_seconds is None else limit_seconds
        self._silent_since: float | None = None
        self._next = 0.0

    def check(self) -> bool:
        """Return whether the head answers; it is contacted every few seconds.

        Raises:
            ClusterLost: it has not answered for too long.
        """
        now = time.monotonic()
        if self._silent_since is None and now < self._next:
            return True
        try:
            require_listener(self._address, timeout_seconds=2.0)
        except OSError as error:
            self._note_silence(now, error)
            return False
        if self._silent_since is not None:
            self._say(f"the head of the Ray cluster at {self._address} answers again")
        self._silent_since, self._next = None, now + PROBE_EVERY_SECONDS
        return True

    def _note_silence(self, now: float, error: OSError) -> None:
        if self._silent_since is None:
            self._silent_since = now
            self._say(f"the head of the Ray cluster at {self._address} does not answer; waiting")
        if now - self._silent_since >= self._limit:
            raise ClusterLost(
                f"the head of the Ray cluster at {self._address} was lost ({error}); {KEPT}"
            )


def reconnect_seconds() -> float:
    """Return the seconds that Ray waits for its head before it ends the process."""
    return float(os.environ.get(RECONNECT, "60"))
