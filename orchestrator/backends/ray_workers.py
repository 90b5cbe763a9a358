"""Workers that are Ray tasks: as many at a time as the cluster's nodes have room for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError

from orchestrator.backends.nodes import Demand, Node, largest_node
from orchestrator.backends.ray_health import HeadProbe, StallWatch
from orchestrator.backends.ray_notes import find_worker
from orchestrator.backends.ray_tasks import (
    Attempt,
    build_failure,
    classify_death,
    living_nodes,
    submit,
)
from orchestrator.graph.events import Event
from orchestrator.stages.outcomes import WorkerInfo
from orchestrator.stages.worker import Order

PATIENCE_SECONDS = 1.0
NODES_EVERY_SECONDS = 5.0
Say = Callable[[str], object]


class RayWorkers:
    """Computes stages as Ray tasks.

    Args:
        store_uri: the store, as workers reach it.
        needs: {"num_cpus", "num_gpus"} of a stage.
        head: checked before any other call to the cluster.
        stall: notified of what runs and what ends.
        say: called with a line that the user should read.
        demand: how many stages are submitted at a time.
    """

    def __init__(
        self,
        store_uri: str,
        needs: Mapping[str, float],
        head: HeadProbe,
        stall: StallWatch,
        say: Say,
        demand: Demand | None = None,
    ) -> None:
        self._store_uri, self._needs = store_uri, needs
        self._head, self._stall, self._say = head, stall, say
        self._demand = demand or Demand()
        self._running: dict[Any, Attempt] = {}
        self._nodes: list[Node] = []
        self._next_look = 0.0

    def slots(self) -> int:
        """Return how many stages may be submitted.

        While a stage waits for a node to itself, that node's share is left out, so that it can
        become free.
        """
        self._refresh_nodes()
        room = sum(node.capacity(self._needs) for node in self._nodes)
        if any(attempt.alone for attempt in self._running.values()):
            node = largest_node(self._nodes, self._needs)
            return max(room - (node.capacity(self._needs) if node else 0), 0)
        return self._demand.stages(room)

    def submit(self, order: Order) -> None:
        """Start computing a stage."""
        self._submit(Attempt(order))

    def wait(self) -> list[Event]:
        """Return the outcomes that have arrived; [] after a second without any."""
        self._head.check()
        refs = list(self._running)
        done, others = ray.wait(refs, num_returns=1, timeout=PATIENCE_SECONDS)
        if done and others:
            done += ray.wait(others, num_returns=len(others), timeout=0)[0]
        outcomes = [self._outcome(ref, self._running.pop(ref)) for ref in done]
        if done:
            self._stall.reset()
        elif self._refresh_nodes():  # a call to a head that has died would end this process
            self._stall.check([a.order for a in self._running.values()], self._nodes, self._needs)
        return [outcome for outcome in outcomes if outcome is not None]

    def _refresh_nodes(self) -> bool:
        """List the nodes of the cluster again, every few seconds; return whether it was done."""
        if time.monotonic() < self._next_look or not self._head.check():
            return False
        self._nodes = living_nodes()
        self._next_look = time.monotonic() + NODES_EVERY_SECONDS
        return True

    def _submit(self, attempt: Attempt) -> None:
        node = largest_node(self._nodes, self._needs) if attempt.alone else None
        self._running[submit(attempt, self._store_uri, self._needs, node)] = attempt

    def _outcome(self, ref: Any, attempt: Attempt) -> Event | None:
        """Return the outcome of an attempt; None if its worker died and it is retried."""
        try:
            outcome: Event = ray.get(ref)
        except RayError as error:
            death = classify_death(error)
            again = None if death is None else attempt.after(death)
            if again is None:
                node = largest_node(self._nodes, self._needs)
                failure = build_failure(attempt, error, self._needs, node)
                return failure if death is None else replace(failure, worker=self._worker(attempt))
            if again.alone and not attempt.alone:
                self._say(describe_retry(attempt, death == "memory"))
            self._submit(again)
            return None
        return outcome

    def _worker(self, attempt: Attempt) -> WorkerInfo | None:
        """Return where a stage ran whose worker died, if the cluster can be asked."""
        return find_worker(attempt.order.key) if self._head.check() else None


def describe_retry(attempt: Attempt, memory: bool) -> str:
    """Return a message on why a stage is retried alone on a node."""
    _, trial_id, seed = attempt.order.computed_for
    cause = "ran out of memory" if memory else "lost its process twice"
    after = attempt.order.stages[0].after
    return f"{trial_id} seed {seed} task {after} {cause}; it is retried once, alone on a node"
