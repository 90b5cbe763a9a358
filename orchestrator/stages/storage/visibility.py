"""Waiting for a record that another host has written and that this one cannot see yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.errors import StoreUnreachable
from orchestrator.stages.record import Record
from orchestrator.stages.storage.retry import RetryPolicy


@dataclass(frozen=True)
class Visibility:
    """How long a record that was written may stay unseen.

    Attributes:
        retry: pauses between attempts, and the limit of a shared store.
        shared: whether several hosts use the store. On a local disk a file is visible at once, so
            nothing is waited for.
    """

    retry: RetryPolicy
    shared: bool

    @property
    def limit_seconds(self) -> float:
        """The longest wait for a record."""
        return self.retry.invisible_seconds if self.shared else 0.0

    def poll(self, read: Callable[[], Record | None], place: str) -> Record | None:
        """Read until there is a record or the limit is over."""
        return self.retry.poll(read, self.limit_seconds, _story(place))

    def require(self, read: Callable[[], Record | None], place: str) -> Record:
        """Read until there is a record.

        Raises:
            StoreUnreachable: it did not appear within the limit.
        """
        record = self.poll(read, place)
        if record is None:
            raise StoreUnreachable(
                f"{_story(place)}, after {self.limit_seconds:.0f} s: it was deleted, or "
                "the hosts do not share this store. What was computed is kept; the same command "
                "continues"
            )
        return record


def _story(place: str) -> str:
    return f"{place} was computed and cannot be seen here yet"
