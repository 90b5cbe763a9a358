"""The tasks that compute several stages: the slot of one is free when all of them have ended."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.stages.outcomes import Key


class Tasks:
    """The stages of each task that computes several, by the first of them."""

    def __init__(self) -> None:
        self._first: dict[Key, Key] = {}
        self._left: dict[Key, set[Key]] = {}

    def begin(self, first: Key, beside: Collection[Key]) -> None:
        """Note a task that computes a stage, and others beside it."""
        # A stage alone, as most are, frees its slot when it ends.
        if beside:
            self._left[first] = {first, *beside}
            self._first |= dict.fromkeys(self._left[first], first)

    def end(self, key: Key) -> int:
        """Note that a stage ended; return the slots that it frees: one if it is the last."""
        first = self._first.pop(key, None)
        if first is None:
            return 1
        left = self._left[first]
        left.remove(key)
        if left:
            return 0
        del self._left[first]
        return 1
