"""Publishes a sweep's folder while it is written: at times in the background, and at the end."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from orchestrator.errors import StoreUnreachable, StoreUnwritable
from orchestrator.results.bucket.sweep_copy import Changes, SweepCopy
from orchestrator.stages.storage.retry import RetryPolicy

EVERY_SECONDS = 15.0
ONCE = RetryPolicy(unreachable_seconds=0.0, warn=logging.getLogger("repertoire").debug)
NAMED = 3  # files in a message


class Publisher:
    """Publishes what changed of a sweep's folder; a tracker of its tables.

    Args:
        copy: the local copy that is written.
    """

    def __init__(self, copy: SweepCopy) -> None:
        self._copy, self._pool = copy, ThreadPoolExecutor(1)
        self._publishing: Future[None] | None = None
        self._next = 0.0

    def notify(self) -> None:
        """Publish the tables as they are now, in the background, unless they just were."""
        busy = self._publishing is not None and not self._publishing.done()
        if busy or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY_SECONDS
        # Read now, between two writes, so that the tables agree with one another.
        self._publishing = self._pool.submit(self._try_once, self._copy.changes())

    def close(self, timeout_seconds: float) -> None:
        """Do nothing: more is written after the last tables, see `finish`."""

    def finish(self, retry: RetryPolicy | None = None) -> list[str]:
        """Publish the rest; return a line on what could not be published, if there is any.

        Args:
            retry: how long the bucket is waited for; None: as a store is.
        """
        self._pool.shutdown()
        files, changes = self._copy.place.with_retry(retry).files(), self._copy.changes()
        try:
            if changes:
                self._copy.publish(changes, files)
        except (StoreUnreachable, StoreUnwritable) as error:
            left = sorted(self._copy.changes())
            return [self._describe(left, error)] if left else []
        return []

    def _try_once(self, changes: Changes) -> None:
        with suppress(StoreUnreachable, StoreUnwritable):  # what is left is published later
            self._copy.publish(changes, self._copy.place.with_retry(ONCE).files())

    def _describe(self, left: list[str], error: Exception) -> str:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        return (
            f"not published in {self._copy.place.address}: {', '.join(left[:NAMED])}{more} "
            f"({error.__cause__ or error}). They are kept on this machine, and the same command "
            "publishes them"
        )
