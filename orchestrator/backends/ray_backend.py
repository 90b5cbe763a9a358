"""The Ray backend. Ray is imported and started when the first stage is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from orchestrator.backends.local_ray import LocalRay
from orchestrator.backends.nodes import Demand, Node
from orchestrator.backends.ray_cluster import cluster
from orchestrator.backends.ray_head import HeadProbe
from orchestrator.backends.ray_health import (
    StallWatch,
    describe_needs,
    describe_nodes,
    stall_seconds,
)
from orchestrator.backends.stage_needs import StageNeeds
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.deadline import StageKind
from orchestrator.graph.driver import Client, FusingWorkers, Observer, drive
from orchestrator.graph.events import Event
from orchestrator.results.units import duration_text
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.sweep import Sweep

Say = Callable[[str], object]


class OnRay:
    """Computes stages on the Ray cluster at `address`, or on one started here.

    As a context manager it keeps the cluster between calls; otherwise each call has its own.

    Args:
        address: of a cluster; None starts one on this machine.
        say: called with a line that the user should read.
        wait_seconds: how long to wait for a node with room for a stage, on a cluster that adds
            nodes on demand; None: it adds none.
        gpu_shares: of a GPU, by kind of stage, for `gpus: auto`.
        local: a Ray on this machine that has been started, closed by the caller.
    """

    def __init__(
        self,
        address: str | None = None,
        say: Say = lambda line: None,
        wait_seconds: float | None = None,
        gpu_shares: Mapping[StageKind, float] = {},
        local: LocalRay | None = None,
    ) -> None:
        self._address, self._say, self._wait_seconds = address, say, wait_seconds
        self._announced = False
        self._gpu_shares, self._local = gpu_shares, local
        self._kept: ExitStack | None = None

    def __enter__(self) -> OnRay:
        self._kept = ExitStack()
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def compute(
        self, client: Client, sweep: Sweep, store: StageStore, observe: Observer, brake: Brake
    ) -> None:
        """Drive a client on the cluster."""
        with ExitStack() as stack:

            def start() -> FusingWorkers:
                self._announce()
                # Kept in a `with` block, so that search and evaluation share a cluster.
                (self._kept or stack).enter_context(cluster(self._address, local=self._local))
                return self._workers(sweep, store, brake)

            # Lazy, since a run whose stages are all stored needs no Ray, and does not wait for it.
            drive(client, LazyWorkers(start), observe, brake)

    def _announce(self) -> None:
        """Say, once, what takes the seconds before the first stage starts."""
        if not self._announced:
            at = self._address
            self._say(f"connecting to Ray at {at}" if at else "starting Ray on this machine")
        self._announced = True

    def _workers(self, sweep: Sweep, store: StageStore, brake: Brake) -> FusingWorkers:
        import ray

        from orchestrator.backends.ray_tasks import ask_workers, is_cluster_idle, living_nodes
        from orchestrator.backends.ray_workers import RayWorkers

        wanted = stage_resources(sweep)
        # Before anything is submitted: Ray would queue a stage that no node has room for, and say
        # nothing.
        require_capacity(living_nodes(), wanted, self._address, self._say, self._wait_seconds)
        head = HeadProbe(ray.get_runtime_context().gcs_address, self._say)
        stall = StallWatch(self._say, is_cluster_idle, ask_workers, wait_seconds=self._wait_seconds)
        demand = Demand(growing=self._wait_seconds is not None, timed=brake.deadline is not None)
        needs = StageNeeds(sweep.resources.cpus, sweep.resources.gpus, self._gpu_shares)
        return RayWorkers(store.uri, needs, head, stall, self._say, demand)


class LazyWorkers:
    """Workers that are created when a stage is first ready.

    Args:
        start: creates them.
    """

    def __init__(self, start: Callable[[], FusingWorkers]) -> None:
        self._start = start
        self._workers: FusingWorkers | None = None

    def slots(self) -> int:
        """Return the slots of the workers, after creating them."""
        if self._workers is None:
            self._workers = self._start()
        return self._workers.slots()

    def submit(self, order: StageOrder) -> None:
        """Submit a stage to the workers; they exist, since a slot was free."""
        assert self._workers is not None
        self._workers.submit(order)

    def submit_together(self, orders: tuple[StageOrder, ...]) -> None:
        """Submit siblings to the workers as one task."""
        assert self._workers is not None
        self._workers.submit_together(orders)

    def wait(self) -> list[Event]:
        """Return the outcomes that have arrived."""
        assert self._workers is not None
        return self._workers.wait()


def stage_resources(sweep: Sweep) -> dict[str, float]:
    """Return the most that a stage asks for, under Ray's names."""
    return {"num_cpus": sweep.resources.cpus, "num_gpus": sweep.resources.max_gpus}


def require_capacity(
    nodes: list[Node],
    needs: Mapping[str, float],
    address: str | None,
    say: Say,
    wait_seconds: float | None = None,
) -> None:
    """Report that no node has room for a stage; only a cluster that is joined can still grow.

    Raises:
        RepertoireError: this machine is too small.
    """
    if any(node.capacity(needs) for node in nodes):
        return
    wanted = f"a stage asks for {describe_needs(needs)}, which no node of this Ray has"
    line = f"{wanted}; {describe_nodes(nodes)}"
    if address is None:
        remedy = "lower `resources` in the sweep, or name a cluster (--address)"
        raise RepertoireError(f"{line}; {remedy}")
    limit = stall_seconds() if wait_seconds is None else wait_seconds
    say(f"{line}; waiting for such a node, {duration_text(limit)} at most (--wait-for-nodes)")
