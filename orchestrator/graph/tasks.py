"""The tasks that run: which stages each computes, so that its slot is free when all have ended."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.stages.outcomes import Key


class Tasks:
    """The stages of each task that runs, by the first of them."""

    def __init__(self) -> None:
        self._first: dict[Key, Key] = {}
        self._left: dict[Key, set[Key]] = {}

    def begin(self, first: Key, beside: Iterable[Key]) -> None:
        """Note a task that computes a stage, and others beside it."""
        self._left[first] = {first, *beside}
        self._first |= dict.fromkeys(self._left[first], first)

    def end(self, key: Key) -> int:
        """Note that a stage ended; return the slots that it frees: one if it is the last."""
        first = self._first.pop(key)
        left = self._left[first]
        left.remove(key)
        if left:
            return 0
        del self._left[first]
        return 1
