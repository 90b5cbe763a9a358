"""A clock that tests set."""

from __future__ import annotations


class Clock:
    """Stands in for the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now
