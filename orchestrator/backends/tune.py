"""The backend on Ray: Tune decides about trials, Ray tasks compute stages, the broker stands between."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

from orchestrator.components import local_sources
from orchestrator.errors import RepertoireError
from orchestrator.graph import Event, Instruction
from orchestrator.plan import Plan, chain_id
from orchestrator.store import StageStore

POLL_SECONDS = 0.25
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "1",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def on_ray(
    address: str | None,
) -> Callable[[Plan, StageStore, Callable[[Event | Instruction], None]], None]:
    """Return the backend on a Ray cluster: that at `address`, or one started on this machine for the sweep."""

    def run_on_ray(
        plan: Plan, store: StageStore, observe: Callable[[Event | Instruction], None]
    ) -> None:
        """Compute what a plan lacks, telling `observe` each event and instruction."""
        with cluster(plan, address):
            drive(plan, store, observe)

    return run_on_ray


@contextmanager
def cluster(plan: Plan, address: str | None) -> Iterator[None]:
    """Connect to Ray, or start it, unless this process has it already; leave it as it was."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    local: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    try:
        ray.init(
            address=address or "local", log_to_driver=False, logging_level=logging.ERROR,
            runtime_env=runtime_env(plan), **local,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise RepertoireError(
            f"Ray cannot be reached at {address or 'this machine'}: {error}"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def runtime_env(plan: Plan) -> dict[str, Any]:
    """Return what workers need to import the user's own methods and networks."""
    roots: dict[str, None] = {}
    for trial in plan.sweep.trials:
        for part in (trial.method, trial.network):
            if ":" in part.name:
                for module, file in local_sources(part.name).items():
                    top = file.parents[module.count(".") - 1] if "." in module else file
                    roots[str(top.parent if top.name == "__init__.py" else top)] = None
    return {"py_modules": list(roots)} if roots else {}


def drive(plan: Plan, store: StageStore, observe: Callable[[Event | Instruction], None]) -> None:
    """Give the trials to Tune and the stages to a broker, and pass on the news."""
    import ray

    from orchestrator.backends.broker import NAME, Broker, slots_of

    resources = {"num_cpus": plan.sweep.resources.cpus, "num_gpus": plan.sweep.resources.gpus}
    slots = slots_of(ray.cluster_resources(), resources)  # type: ignore[no-untyped-call]
    if slots < 1:
        raise RepertoireError(
            f"a stage asks for {resources}, which no node of this Ray has; lower resources in the sweep"
        )
    namespace = f"repertoire-{uuid.uuid4().hex[:12]}"
    chains = {chain_id(chain): plan.steps(chain) for chain in plan.pending}
    wanted = {key for steps in chains.values() for key, _ in steps}
    broker = (
        ray.remote(Broker)
        .options(
            name=NAME, namespace=namespace, num_cpus=0, resources={"node:__internal_head__": 0.001},
            max_restarts=3, max_task_retries=-1, max_concurrency=10_000,
        )
        .remote({k: o for k, o in plan.orders.items() if k in wanted}, chains, plan.stored, store.uri, resources)
    )  # fmt: skip
    ray.get(broker.start.remote())
    with news(broker, observe):
        fit(plan, namespace, slots)
    ray.kill(broker)


@contextmanager
def news(broker: Any, observe: Callable[[Event | Instruction], None]) -> Iterator[None]:
    """Pass the broker's news to `observe`, from one thread, until the block ends and all is told."""
    import ray

    over = threading.Event()
    failures: list[BaseException] = []

    def listen() -> None:
        told = 0
        while True:
            last = over.wait(POLL_SECONDS)
            fresh = ray.get(broker.news.remote(told))
            told += len(fresh)
            for item in fresh:
                observe(item)
            if last:
                return

    def guarded() -> None:
        try:
            listen()
        except BaseException as error:  # handed to the thread that waits
            failures.append(error)

    thread = threading.Thread(target=guarded, name="broker news", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]


def fit(plan: Plan, namespace: str, slots: int) -> None:
    """Run the trials that are not complete under Tune."""
    from ray import tune

    from orchestrator.backends.trainable import TrialSteps

    pending: dict[str, int] = {}
    for chain in plan.pending:
        pending[chain.trial_id] = chain.num_tasks
    seeds = ceil(len(plan.pending) / len(pending))
    trials = [
        {"trial": trial, "num_tasks": tasks, "namespace": namespace}
        for trial, tasks in pending.items()
    ]
    # A sliver of CPU would cost a whole slot, and nothing at all is refused: take of the head's own resource.
    trainable = tune.with_resources(
        TrialSteps, tune.PlacementGroupFactory([{"node:__internal_head__": 0.001}])
    )
    with tempfile.TemporaryDirectory(prefix="repertoire-tune-") as folder, quiet():
        tune.Tuner(
            trainable,
            param_space={"steps": tune.grid_search(trials)},
            tune_config=tune.TuneConfig(
                reuse_actors=True, max_concurrent_trials=max(2, ceil(3 * slots / seeds)),
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="sweep", storage_path=folder, verbose=0,
                failure_config=tune.FailureConfig(max_failures=3),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, checkpoint_at_end=False),
            ),
        ).fit()  # fmt: skip


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Tune's own report off the terminal, where the sweep's progress is shown."""
    with open(os.devnull, "w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            yield
        finally:
            sys.stdout = before
