"""Workers that are Ray tasks: as many at a time as the cluster's nodes have room for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import LocalRayletDiedError, RayError

from orchestrator.backends.nodes import Demand, Node, largest_node
from orchestrator.backends.ray_head import ClusterLost, HeadProbe
from orchestrator.backends.ray_health import StallWatch
from orchestrator.backends.ray_notes import find_worker
from orchestrator.backends.ray_tasks import (
    Attempt,
    Death,
    build_failure,
    build_memory_failure,
    classify_death,
    living_nodes,
    submit,
)
from orchestrator.backends.stage_needs import StageNeeds, room_left
from orchestrator.errors import KEPT
from orchestrator.graph.events import Event
from orchestrator.stages.outcomes import StageDone, StageFailed, WorkerInfo
from orchestrator.stages.storage.lease_holding import create_owner
from orchestrator.stages.worker import StageOrder

PATIENCE_SECONDS = 1.0  # the longest time for which signals, the head and the deadline go unseen
NODES_EVERY_SECONDS = 5.0  # listing the nodes asks the head, and they change rarely
Say = Callable[[str], object]


class RayWorkers:
    """Computes stages as Ray tasks.

    Args:
        store_uri: the store, as workers reach it.
        needs: the resources of stages.
        head: checked before any other call to the cluster.
        stall: notified of what runs and what ends.
        say: called with a line that the user should read.
        demand: how many stages are submitted at a time.
    """

    def __init__(
        self,
        store_uri: str,
        needs: StageNeeds,
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
        self._owner = create_owner()

    def slots(self) -> int:
        """Return the number of stages that may be submitted.

        While a stage waits for a node or a GPU to itself, its share is left out, so that it can
        become free.
        """
        self._refresh_nodes()
        needs, attempts = self._needs.minimum(), self._running.values()
        if whole_gpu := any(attempt.whole_gpu for attempt in attempts):
            alone = any(attempt.alone for attempt in attempts)
            node = largest_node(self._nodes, needs) if alone else None
            return room_left(self._nodes, needs, whole_gpu, node)
        # More than there is room for, so that a worker that ends has its next stage at once.
        return self._demand.stages(room_left(self._nodes, needs, False, None))

    def submit(self, order: StageOrder) -> None:
        """Start computing a stage."""
        self._submit(Attempt(order, owner=self._owner))

    def submit_together(self, orders: tuple[StageOrder, ...]) -> None:
        """Start computing siblings as one task."""
        self._submit(Attempt(orders[0], owner=self._owner, beside=orders[1:]))

    def wait(self) -> list[Event]:
        """Return the outcomes that have arrived; [] after a second without any.

        Raises:
            ClusterLost: the head does not answer, or Ray on this machine has ended.
        """
        # Before any other call: a call to a head that has died would end this process.
        self._head.check()
        refs = list(self._running)
        # For the first outcome it waits; those that have arrived beside it are taken along.
        done, others = ray.wait(refs, num_returns=1, timeout=PATIENCE_SECONDS)
        if done and others:
            done += ray.wait(others, num_returns=len(others), timeout=0)[0]
        outcomes = [each for ref in done for each in self._outcomes(ref, self._running.pop(ref))]
        if done:
            # Any outcome, even a failure, shows that the cluster is at work.
            self._stall.reset()
        elif self._refresh_nodes():  # a call to a head that has died would end this process
            orders = [attempt.order for attempt in self._running.values()]
            self._stall.check(orders, self._nodes, self._needs.minimum())
        return outcomes

    def _refresh_nodes(self) -> bool:
        """List the nodes of the cluster again, every few seconds; return whether it was done."""
        if time.monotonic() < self._next_look or not self._head.check():
            return False
        self._nodes = living_nodes()
        self._next_look = time.monotonic() + NODES_EVERY_SECONDS
        return True

    def _submit(self, attempt: Attempt) -> None:
        needs = self._needs.resources(attempt.order)
        node = largest_node(self._nodes, needs) if attempt.alone else None
        self._running[submit(attempt, self._store_uri, needs, node)] = attempt

    def _outcomes(self, ref: Any, attempt: Attempt) -> list[Event]:
        """Return the outcomes of the stages of an attempt that are not retried."""
        try:
            arrived: list[Event] = ray.get(ref)
        except RayError as error:
            require_local_ray(error)
            return self._handle_error(attempt, error)
        pairs = zip(attempt.split() if attempt.beside else [attempt], arrived, strict=True)
        outcomes = [self._note(each, outcome) for each, outcome in pairs]
        return [outcome for outcome in outcomes if outcome is not None]

    def _handle_error(self, attempt: Attempt, error: RayError) -> list[Event]:
        """Submit the stages of a failed task again; return the failure where no attempt is left."""
        if attempt.beside:  # which of them killed the worker is not known
            for each in attempt.split():
                self._submit(each)
            return []
        death = classify_death(error)
        if death is not None and self._retry(attempt, death):
            return []
        failure = build_failure(attempt, error, *self._room(attempt))
        return [failure if death is None else replace(failure, worker=self._worker(attempt))]

    def _note(self, attempt: Attempt, outcome: Event) -> Event | None:
        """Record the share of the GPU that a stage took; return None if the stage is retried."""
        if isinstance(outcome, StageDone):
            share, utilisation = outcome.gpu_share, outcome.gpu_utilisation
            self._needs.note_share(attempt.order, share, utilisation)
        if isinstance(outcome, StageFailed) and outcome.exhausted:
            return self._handle_exhausted(attempt, outcome)
        return outcome

    def _handle_exhausted(self, attempt: Attempt, failed: StageFailed) -> Event | None:
        """Retry a stage that lacked memory; return its failure after the last attempt."""
        gpu = failed.exhausted == "gpu"
        if gpu:
            self._needs.note_exhausted(attempt.order)
        if self._retry(attempt, "gpu" if gpu else "memory"):
            return None
        return build_memory_failure(attempt, failed, *self._room(attempt))

    def _retry(self, attempt: Attempt, death: Death) -> bool:
        """Submit the next attempt after a death; False after the last."""
        again = attempt.next_attempt(death)
        if again is None:
            return False
        if (again.alone, again.whole_gpu) != (attempt.alone, attempt.whole_gpu):
            self._say(describe_retry(attempt, death))
        self._submit(again)
        return True

    def _room(self, attempt: Attempt) -> tuple[dict[str, float], Node | None]:
        """Return the needs of a stage, and the node that an attempt alone has to itself."""
        needs = self._needs.resources(attempt.order)
        return needs, largest_node(self._nodes, needs)

    def _worker(self, attempt: Attempt) -> WorkerInfo | None:
        """Return the worker that died with a stage; None if the cluster cannot be asked."""
        return find_worker(attempt.order.key) if self._head.check() else None


def require_local_ray(error: RayError) -> None:
    """Raise ClusterLost if an error says that Ray's process on this machine has ended.

    Without it nothing can be submitted: each attempt would fail at once.
    """
    if isinstance(error, LocalRayletDiedError):
        raise ClusterLost(f"Ray on this machine was lost (its raylet died); {KEPT}") from error


def describe_retry(attempt: Attempt, death: Death) -> str:
    """Return a message on why a stage is retried with more room."""
    _, trial_id, seed = attempt.order.computed_for
    cause, room = {
        "memory": ("ran out of memory", "alone on a node"),
        "gpu": ("ran out of GPU memory", "with a GPU to itself"),
    }.get(death, ("lost its process twice", "alone on a node"))
    after = attempt.order.stages[0].after
    return f"{trial_id} seed {seed} task {after} {cause}; it is retried once, {room}"
