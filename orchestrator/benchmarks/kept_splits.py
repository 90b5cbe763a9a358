"""Splits of tasks that a process keeps in memory for the stages that follow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from methods.base import Examples

# A split is no longer wanted once this many times the number of kept ones were asked for since.
PATIENCE = 4


class KeptSplits:
    """A cache of examples by name, bounded in bytes.

    Every stage of a long sequence asks for all of its tasks in the same order. A cache that drops
    what was used longest ago would then never hit once they do not all fit; this one keeps what it
    has until that is no longer asked for, and builds the others anew.

    Args:
        capacity: bytes of all examples that are kept.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Hashable, tuple[Examples, int]] = OrderedDict()
        self._asked = 0
        self._bytes = 0

    def get(self, name: Hashable, build: Callable[[], Examples]) -> Examples:
        """Return the examples of a name, built if they are not kept."""
        self._asked += 1
        examples = self._kept.pop(name)[0] if name in self._kept else None
        if examples is None:
            examples = build()
            if not self._make_room(size_of(examples)):
                return examples
            self._bytes += size_of(examples)
        self._kept[name] = (examples, self._asked)
        return examples

    def _make_room(self, size: int) -> bool:
        """Drop splits that are no longer asked for; return whether there is room."""
        while self._kept and self._bytes + size > self.capacity:
            name, (oldest, last) = next(iter(self._kept.items()))
            if self._asked - last <= PATIENCE * len(self._kept):
                return False
            self._bytes -= size_of(oldest)
            del self._kept[name]
        return size <= self.capacity


def size_of(examples: Examples) -> int:
    """Return the bytes of examples."""
    return sum(t.numel() * t.element_size() for t in (examples.x, examples.y))
