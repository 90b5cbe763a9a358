"""Workers on a virtual clock: a cluster on which stages only take time. For simulations."""

from __future__ import annotations

import heapq
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from orchestrator.graph.events import Event
from orchestrator.graph.virtual_slots import FreeSlots, LostNodes, draw_losses
from orchestrator.seeding import derive_seed
from orchestrator.stages.outcomes import Key, StageDone, StageFailed
from orchestrator.stages.worker import StageOrder

REPLACEMENT_SECONDS = 300.0  # until a lost node has been replaced
MAX_LOSSES = 10  # of the nodes of one stage; as for a stage on Ray


@dataclass(frozen=True)
class VirtualCluster:
    """A cluster of equal nodes.

    Attributes:
        nodes: number of nodes.
        slots: stages that fit on a node at a time.
        losses_per_hour: nodes that are lost in an hour, in the whole cluster.
        seed: of the times of the losses and of the nodes that are lost.
    """

    nodes: int
    slots: int
    losses_per_hour: float = 0.0
    seed: int = 0


@dataclass
class Usage:
    """What ran on a virtual cluster; times in seconds since the start.

    Attributes:
        starts, ends: of each finished stage, in the order in which they ended.
        sizes: bytes of each finished stage in the store.
        nodes_lost: nodes that were lost while the sweep ran.
        stages_lost: stages that ran on them.
        seconds_lost: their time until then.
    """

    starts: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))
    sizes: array[float] = field(default_factory=lambda: array("d"))
    nodes_lost: int = 0
    stages_lost: int = 0
    seconds_lost: float = 0.0

    @property
    def seconds(self) -> float:
        """Slot-seconds of the finished stages."""
        return float(np.sum(self.ends) - np.sum(self.starts))


class Cost(NamedTuple):
    """Seconds that a stage takes, and its bytes in the store."""

    seconds: float
    size: float


@dataclass(slots=True)
class _Attempt:
    """A submitted stage; `node` is -1 while it waits for a slot."""

    key: Key
    losses: int = 0
    node: int = -1
    started: float = 0.0


class VirtualWorkers:
    """Computes nothing: a stage ends when its time on the virtual clock is over.

    Stages that were submitted and have no slot yet wait in the order of their submission, as in
    Ray's queue. A stage whose node is lost is submitted again.

    Args:
        cluster: the cluster.
        costs: key -> seconds and bytes of each stage.
        limit: returns how many stages may be submitted to so many slots.

    Attributes:
        usage: what has run.
    """

    def __init__(
        self,
        cluster: VirtualCluster,
        costs: Mapping[Key, Cost],
        limit: Callable[[int], int],
    ) -> None:
        self._cluster, self._costs, self._limit = cluster, costs, limit
        self.usage, self._now = Usage(), 0.0
        # Slots that were used before are taken first, the last one first; then those of the nodes
        # in turn, which are not listed, since a cluster has many more than a sweep uses.
        self._free, self._lost = FreeSlots(), LostNodes()
        self._unused, self._touched = self._unused_slots(), set[int]()
        self._waiting: deque[_Attempt] = deque()
        self._running: dict[int, _Attempt] = {}
        self._numbers: defaultdict[int, set[int]] = defaultdict(set)  # of a node's attempts
        self._ends: list[tuple[float, int]] = []
        self._returns: deque[tuple[float, int]] = deque()
        self._draws = np.random.default_rng(derive_seed(cluster.seed, "lost nodes"))
        self._losses = draw_losses(self._draws, cluster.losses_per_hour)
        self._next_loss = next(self._losses)
        self._number = 0

    def slots(self) -> int:
        """Return the number of stages that may be submitted at a time."""
        return self._limit((self._cluster.nodes - len(self._returns)) * self._cluster.slots)

    def submit(self, order: StageOrder) -> None:
        """Start a stage, or queue it until a slot is free."""
        self._waiting.append(_Attempt(order.key))
        self._start_waiting()

    def wait(self) -> list[Event]:
        """Advance the clock to the next event; return the stages that ended then."""
        end = self._ends[0][0] if self._ends else np.inf
        back = self._returns[0][0] if self._returns else np.inf
        self._now = float(min(end, back, self._next_loss))
        outcomes: list[Event] = []
        # Stages first: one that ends in the moment of its node's loss has been computed.
        if self._now == end:
            outcomes = list(self._finish_stages())
        elif self._now == back:
            self._replace_node(self._returns.popleft()[1])
        else:
            self._next_loss = next(self._losses)
            outcomes = list(self._lose_node())
        self._start_waiting()
        return outcomes

    def _unused_slots(self) -> Iterator[int]:
        """Yield the node of each slot that was never used, except of nodes that were lost."""
        for node in range(self._cluster.nodes):
            for _ in range(self._cluster.slots):
                if node in self._touched:
                    break
                yield node

    def _take_slot(self) -> int | None:
        """Return the node of a free slot, which is taken; None if there is none."""
        node = self._free.take()
        return next(self._unused, None) if node is None else node

    def _start_waiting(self) -> None:
        while self._waiting and (node := self._take_slot()) is not None:
            attempt = self._waiting.popleft()
            attempt.node, attempt.started = node, self._now
            self._number += 1
            self._running[self._number] = attempt
            self._numbers[node].add(self._number)
            end = self._now + self._costs[attempt.key].seconds
            heapq.heappush(self._ends, (end, self._number))

    def _finish_stages(self) -> Iterator[Event]:
        """Yield the stages that end now; the ends of stages that were lost are passed over."""
        while self._ends and self._ends[0][0] == self._now:
            number = heapq.heappop(self._ends)[1]
            attempt = self._running.pop(number, None)
            if attempt is None:
                continue
            self._numbers[attempt.node].remove(number)
            self._free.add(attempt.node)
            self.usage.starts.append(attempt.started)
            self.usage.ends.append(self._now)
            self.usage.sizes.append(self._costs[attempt.key].size)
            yield StageDone(attempt.key)

    def _lose_node(self) -> Iterator[Event]:
        """Take a random node away; yield the stages that have lost too many."""
        left = self._cluster.nodes - len(self._lost)
        if not left:
            return
        lost = self._lost.find_other(int(self._draws.integers(left)))
        self._touched.add(lost)
        self._lost.add(lost)
        self._free.delete(lost)
        self._returns.append((self._now + REPLACEMENT_SECONDS, lost))
        self.usage.nodes_lost += 1
        for number in sorted(self._numbers.pop(lost, ())):
            attempt = self._running.pop(number)
            self.usage.stages_lost += 1
            self.usage.seconds_lost += self._now - attempt.started
            if attempt.losses + 1 >= MAX_LOSSES:
                yield StageFailed(attempt.key, f"its node was lost {MAX_LOSSES} times")
            else:
                self._waiting.append(_Attempt(attempt.key, attempt.losses + 1))

    def _replace_node(self, node: int) -> None:
        self._lost.remove(node)
        self._free.add(node, self._cluster.slots)
