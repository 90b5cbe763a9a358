"""Slots and nodes of a virtual cluster; a loss takes no time that grows with the cluster."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from orchestrator.columns import HOUR_SECONDS


def draw_losses(draws: np.random.Generator, losses_per_hour: float) -> Iterator[float]:
    """Yield the times in seconds at which a node of the cluster is lost, then infinity."""
    time = 0.0
    while losses_per_hour:
        time += float(draws.exponential(HOUR_SECONDS / losses_per_hour))
        yield time
    while True:
        yield np.inf


class FreeSlots:
    """Free slots of nodes; the last one that became free is taken first."""

    def __init__(self) -> None:
        # Slots of a node that became free together, by number: a dict keeps their order where one
        # in the middle is deleted.
        self._runs: dict[int, tuple[int, int]] = {}
        self._numbers: defaultdict[int, set[int]] = defaultdict(set)
        self._next = 0

    def add(self, node: int, count: int = 1) -> None:
        """Add free slots of a node."""
        self._runs[self._next] = node, count
        self._numbers[node].add(self._next)
        self._next += 1

    def take(self) -> int | None:
        """Return the node of the slot that is taken; None if none is free."""
        if not self._runs:
            return None
        number, (node, count) = self._runs.popitem()
        if count > 1:
            self._runs[number] = node, count - 1
        else:
            self._numbers[node].remove(number)
        return node

    def delete(self, node: int) -> None:
        """Delete the free slots of a node."""
        for number in self._numbers.pop(node, ()):
            del self._runs[number]


class LostNodes:
    """The nodes of a cluster that are lost and not yet replaced."""

    def __init__(self) -> None:
        self._nodes: list[int] = []  # sorted

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, node: int) -> None:
        """Add a node."""
        insort(self._nodes, node)

    def remove(self, node: int) -> None:
        """Remove a node, which is replaced."""
        del self._nodes[bisect_left(self._nodes, node)]

    def find_other(self, index: int) -> int:
        """Return the node of an index among those that are not lost."""
        # Those before the i-th lost node are its number less i.
        before = range(len(self._nodes))
        return index + bisect_right(before, index, key=lambda i: self._nodes[i] - i)
