"""A cache of task splits, for the stages that follow in the same process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from methods.base import Examples

# A split is stale after this many requests for each cached split.
STALE_AFTER = 4


class SplitCache:
    """A cache of examples by name, bounded in bytes.

    Every stage of a long sequence requests all tasks in the same order. A cache that evicts the
    least recently used split would never hit once they do not all fit. This one keeps its splits
    until they are stale, and does not cache the others.

    Args:
        capacity: bytes of all cached examples.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries: OrderedDict[Hashable, tuple[Examples, int]] = OrderedDict()
        self._requests = 0
        self._bytes = 0

    def get(self, name: Hashable, build: Callable[[], Examples]) -> Examples:
        """Return the examples of a name, building them if they are not cached."""
        self._requests += 1
        examples = self._entries.pop(name)[0] if name in self._entries else None
        if examples is None:
            examples = build()
            if not self._make_room(num_bytes(examples)):
                return examples
            self._bytes += num_bytes(examples)
        self._entries[name] = (examples, self._requests)
        return examples

    def _make_room(self, size: int) -> bool:
        """Evict stale splits; return whether there is room for `size` bytes."""
        while self._entries and self._bytes + size > self.capacity:
            name, (oldest, last) = next(iter(self._entries.items()))
            if self._requests - last <= STALE_AFTER * len(self._entries):
                return False
            self._bytes -= num_bytes(oldest)
            del self._entries[name]
        return size <= self.capacity


def num_bytes(examples: Examples) -> int:
    """Return the bytes of examples."""
    return sum(t.numel() * t.element_size() for t in (examples.x, examples.y))
