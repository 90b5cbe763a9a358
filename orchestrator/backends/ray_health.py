"""Checks whether a Ray cluster makes progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

from orchestrator.backends.nodes import Node
from orchestrator.backends.ray_head import PROBE_EVERY_SECONDS, ClusterLost
from orchestrator.errors import KEPT, RepertoireError
from orchestrator.stages.worker import StageOrder

Say = Callable[[str], object]
Ask = Callable[[], Callable[[], bool]]
FIRST_NOTICE_SECONDS = 60.0  # shorter waits are usual: workers start and import torch
STALL_LIMIT = "REPERTOIRE_STALL_SECONDS"
STALL_SECONDS = 1800.0  # a cluster that adds machines on demand takes many minutes to do so


def stall_seconds() -> float:
    """Return the seconds without a running stage after which a sweep is given up.

    Raises:
        RepertoireError: the environment variable is not a number above 0.
    """
    text = os.environ.get(STALL_LIMIT, "")
    try:
        seconds = float(text or STALL_SECONDS)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise RepertoireError(f"{STALL_LIMIT}={text}: must be a number of seconds above 0")
    return seconds


class StallWatch:
    """Reports that no stage has ended for a while; raises when none can run.

    Args:
        say: called with a line that the user should read.
        idle: returns whether no CPU and no GPU of the cluster is in use.
        ask: asks nodes for a worker process; returns a function that says whether any answered.
        limit_seconds: how long stages may wait while no node has room for one, while all nodes are
            idle, or while no worker process starts. Ray counts the CPUs of a process that is still
            to start as in use.
    """

    def __init__(
        self,
        say: Say,
        idle: Callable[[], bool],
        ask: Ask,
        limit_seconds: float | None = None,
        wait_seconds: float | None = None,
    ) -> None:
        self._say, self._idle, self._ask = say, idle, ask
        self._limit = stall_seconds() if limit_seconds is None else limit_seconds
        self._wait_seconds = wait_seconds
        self.reset()

    def reset(self) -> None:
        """Restart the clock, because a stage ended."""
        self._since = time.monotonic()
        self._next_look = self._next_notice = min(FIRST_NOTICE_SECONDS, self._limit)
        self._stuck_since: float | None = None
        self._answered: Callable[[], bool] | None = None

    def check(
        self, orders: Sequence[StageOrder], nodes: Sequence[Node], needs: Mapping[str, float]
    ) -> None:
        """Report the stages that have not ended, at growing intervals.

        Raises:
            ClusterLost: no stage could run for too long.
        """
        now = time.monotonic()
        waited = now - self._since
        # The wait for a node counts from the moment when there is none, to keep to short limits.
        awaited = self._wait_seconds is not None and not has_room(nodes, needs)
        if waited < self._next_look and not awaited:
            return
        # The reasons ask the cluster, which takes time.
        self._next_look = waited + PROBE_EVERY_SECONDS
        reason = self._reason(nodes, needs, waited)
        self._stuck_since = None if reason is None else self._stuck_since or now
        line = (
            f"no stage has ended for {waited / 60:.2g} min; waiting for {describe_orders(orders)}; "
            f"{reason or 'the cluster is at work'}; {describe_nodes(nodes)}"
        )
        name, limit = STALL_LIMIT, self._limit
        if awaited and self._wait_seconds is not None:
            name, limit = "--wait-for-nodes", self._wait_seconds
        if self._stuck_since is not None and now - self._stuck_since >= limit:
            raise ClusterLost(f"{line}\ngiven up ({name}={limit:g} s); {KEPT}")
        if waited >= self._next_notice:
            # Doubled, so that a long wait does not fill the log.
            self._next_notice *= 2
            self._say(line)

    def _reason(
        self, nodes: Sequence[Node], needs: Mapping[str, float], waited: float
    ) -> str | None:
        """Return the reason that no stage can run; None if one may be running."""
        if not has_room(nodes, needs):
            return f"no node has room for a stage that asks for {describe_needs(needs)}"
        if self._idle():
            return "all nodes are idle, but Ray does not start the submitted stages"
        return None if self._workers_start(waited) else "no worker process starts on the nodes"

    def _workers_start(self, waited: float) -> bool:
        """Return whether a worker process answered; ask for one after half of the limit."""
        if self._answered is not None:
            return self._answered()
        # Late, since a probe takes a worker process; an answer is due before the limit.
        if waited >= self._limit / 2:
            self._answered = self._ask()
        return True


def has_room(nodes: Sequence[Node], needs: Mapping[str, float]) -> bool:
    """Return whether a node has room for a stage."""
    return any(node.capacity(needs) for node in nodes)


def describe_needs(needs: Mapping[str, float]) -> str:
    """Return the resources of a stage, in words."""
    return f"{needs['num_cpus']:g} CPUs and {needs['num_gpus']:g} GPUs"


def describe_orders(orders: Sequence[StageOrder], shown: int = 3) -> str:
    """Return the stages of orders, in words."""
    listed = [
        f"{order.computed_for[1]} seed {order.computed_for[2]} task {order.stages[0].after}"
        for order in orders[:shown]
    ]
    rest = len(orders) - len(listed)
    return ", ".join(listed) + (f" and {rest} more" if rest else "")


def describe_nodes(nodes: Sequence[Node], shown: int = 5) -> str:
    """Return the nodes of the cluster, in words."""
    if not nodes:
        return "no node is alive"
    rest = len(nodes) - shown
    return (
        "nodes: " + ", ".join(map(str, nodes[:shown])) + (f" and {rest} more" if rest > 0 else "")
    )
