"""The backend on Ray: a cluster there is, or one started here, and what its workers need."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from orchestrator.backends.ray_workers import RayWorkers
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Client, Observer, drive
from orchestrator.graph.plan import Plan
from orchestrator.stages.store import StageStore
from orchestrator.sweep.sweep import Sweep

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "1",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Tune would take the first Ctrl-C for itself and return as if all were well.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class OnRay:
    """The backend on a Ray cluster: that at `address`, or one started here.

    As a context it keeps the cluster from its first use to its end; else each call has its own.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._kept: ExitStack | None = None

    def __enter__(self) -> OnRay:
        self._kept = ExitStack()
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def __call__(
        self, plan: Plan, store: StageStore, observe: Observer, brake: Brake | None = None
    ) -> None:
        """Compute what a plan lacks, telling `observe` each event and instruction."""
        from orchestrator.backends.tune import compute

        with self._cluster(plan.sweep):
            compute(plan, store, observe, brake or Brake())

    def drive(
        self, client: Client, sweep: Sweep, store: StageStore, observe: Observer, brake: Brake
    ) -> None:
        """Compute what a client wants; Ray is started when the first stage is ready."""
        with ExitStack() as stack:

            def start() -> None:
                stack.enter_context(self._cluster(sweep))
                room_for(sweep)

            drive(client, RayWorkers(store.uri, needs(sweep), start), observe, brake)

    @contextmanager
    def _cluster(self, sweep: Sweep) -> Iterator[None]:
        if self._kept is not None:
            self._kept.enter_context(cluster(sweep, self._address))
            yield
        else:
            with cluster(sweep, self._address):
                yield


def on_ray(address: str | None) -> OnRay:
    """Return the backend on a Ray cluster: that at `address`, or one started here."""
    return OnRay(address)


@contextmanager
def cluster(sweep: Sweep, address: str | None) -> Iterator[None]:
    """Connect to Ray, or start it, unless this process has it already; leave it as it was."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    local: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    try:
        knock(address or "")
        ray.init(
            address=address or "local", log_to_driver=False, logging_level=logging.ERROR,
            runtime_env=runtime_env(), **local,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError) as error:
        raise RepertoireError(
            f"Ray cannot be reached at {address or 'this machine'}: {error}"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def knock(address: str) -> None:
    """Raise OSError at once where nothing listens; Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "://" not in address:
        socket.create_connection((host, int(port)), timeout=10).close()


def runtime_env() -> dict[str, Any]:
    """Return what workers do before they are given anything to run.

    Own code travels with the stages. Ray puts the current folder of the driver before all else on
    the path of a worker; what is imported before that, no folder named `methods` can shadow.
    """
    return {"worker_process_setup_hook": "orchestrator.stages.worker.import_packages"}


def needs(sweep: Sweep) -> dict[str, float]:
    """Return what a stage takes, in Ray's words."""
    return {"num_cpus": sweep.resources.cpus, "num_gpus": sweep.resources.gpus}


def room_for(sweep: Sweep) -> int:
    """Return how many stages of a sweep this Ray has room for.

    Raises:
        RepertoireError: for none.
    """
    import ray

    from orchestrator.backends.broker import slots_of

    slots = slots_of(ray.nodes(), needs(sweep))  # type: ignore[no-untyped-call]
    if slots < 1:
        raise RepertoireError(
            f"a stage asks for {needs(sweep)}, which no node of this Ray has; "
            "lower `resources` in the sweep"
        )
    return slots
