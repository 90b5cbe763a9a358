"""The backend on Ray: Tune decides about trials, tasks compute stages, a broker stands between."""

from __future__ import annotations

import logging
import os
import pickle
import socket
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
from orchestrator.events import Event, Instruction
from orchestrator.plan import Plan, chain_id
from orchestrator.store import StageStore

Observer = Callable[[Event | Instruction], None]

POLL_SECONDS = 0.25
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


def on_ray(
    address: str | None,
) -> Callable[[Plan, StageStore, Observer], None]:
    """Return the backend on a Ray cluster: that at `address`, or one started here for the sweep."""

    def run_on_ray(plan: Plan, store: StageStore, observe: Observer) -> None:
        """Compute what a plan lacks, telling `observe` each event and instruction."""
        with cluster(plan, address):
            drive(plan, store, observe)

    return run_on_ray


@contextmanager
def cluster(plan: Plan, address: str | None) -> Iterator[None]:
    """Connect to Ray, or start it, unless this process has it already; leave it as it was.

    The workers of a Ray that is there already must find a user's own methods by themselves.
    """
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
            runtime_env=runtime_env(plan), **local,
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


def drive(plan: Plan, store: StageStore, observe: Observer) -> None:
    """Give the trials to Tune and the stages to a broker, and pass on the news."""
    import ray

    from orchestrator.backends.broker import NAME, Broker, slots_of

    resources = {"num_cpus": plan.sweep.resources.cpus, "num_gpus": plan.sweep.resources.gpus}
    slots = slots_of(ray.nodes(), resources)  # type: ignore[no-untyped-call]
    if slots < 1:
        raise RepertoireError(
            f"a stage asks for {resources}, which no node of this Ray has; "
            "lower `resources` in the sweep"
        )
    namespace = f"repertoire-{uuid.uuid4().hex[:12]}"
    chains = {chain_id(chain): plan.steps(chain) for chain in plan.pending}
    wanted = {key for steps in chains.values() for key, _ in steps}
    orders = {key: pickle.dumps(order) for key, order in plan.orders.items() if key in wanted}
    broker: Any = (
        ray.remote(Broker)
        .options(
            name=NAME, namespace=namespace, num_cpus=0, resources={"node:__internal_head__": 0.001},
            max_restarts=3, max_task_retries=-1, max_concurrency=10_000,
        )
        .remote(store.uri, resources)
    )  # fmt: skip
    try:
        with news(broker, (orders, chains, plan.stored), observe):
            fit(plan, broker, namespace, slots)
    finally:
        ray.kill(broker)


@contextmanager
def news(broker: Any, given: tuple[Any, ...], observe: Observer) -> Iterator[None]:
    """Pass the broker's news to `observe`, from one thread, until the block ends and all is told.

    If that fails the broker is ended, and with it the block: nothing should run on unobserved.
    """
    import ray

    over = threading.Event()
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            listen(broker, given, observe, over)
        except BaseException as error:  # handed to the thread that waits
            failures.append(error)
            ray.kill(broker)

    thread = threading.Thread(target=guarded, name="broker news", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        if failures:
            raise failures[0]


def listen(broker: Any, given: tuple[Any, ...], observe: Observer, over: threading.Event) -> None:
    """Pass the broker's news to `observe`, once more after `over`.

    A new broker, and one that died and started again, is first given what it is to work on.
    """
    import ray

    life, told = "", 0
    while True:
        last = over.wait(POLL_SECONDS)
        now, fresh = ray.get(broker.news.remote(life, told))
        if now != life:
            ray.get(broker.take.remote(*given))
        life, told = now, len(fresh) + (told if now == life else 0)
        for item in fresh:
            observe(item)
        if last:
            return


def fit(plan: Plan, broker: Any, namespace: str, slots: int) -> None:
    """Run the trials that are not complete under Tune."""
    from ray import tune

    from orchestrator.backends.trainable import TrialSteps

    pending: dict[str, int] = {}
    for chain in plan.pending:
        pending[chain.trial_id] = chain.num_tasks
    # Enough trials at a time to fill the slots; more would only be more processes.
    concurrent = max(2, ceil(3 * slots / ceil(len(plan.pending) / len(pending))))
    for trial in list(pending)[:concurrent]:  # their stages can start while Tune does
        broker.begin.remote(trial)
    trials = [
        {"trial": trial, "num_tasks": tasks, "namespace": namespace}
        for trial, tasks in pending.items()
    ]
    # A sliver of CPU would cost a whole slot, and asking for nothing at all is refused.
    trainable = tune.with_resources(
        TrialSteps, tune.PlacementGroupFactory([{"node:__internal_head__": 0.001}])
    )
    with tempfile.TemporaryDirectory(prefix="repertoire-tune-") as folder, quiet():
        results = tune.Tuner(
            trainable,
            param_space={"steps": tune.grid_search(trials)},
            tune_config=tune.TuneConfig(
                reuse_actors=True, max_concurrent_trials=concurrent,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="sweep", storage_path=folder, verbose=0,
                failure_config=tune.FailureConfig(max_failures=3),
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=1, checkpoint_at_end=False
                ),
            ),
        ).fit()  # fmt: skip
        require_whole(results)


def require_whole(results: Any) -> None:
    """Raise RepertoireError if Tune gave up a trial, or a trial its broker."""
    errors = [str(result.error) for result in results if result.error]
    errors += ["the broker was lost" for result in results if (result.metrics or {}).get("lost")]
    if errors:
        raise RepertoireError(
            f"{len(errors)} of {len(results)} trials were lost by Ray, the first because: "
            f"{errors[0]}\nWhat was computed is kept; the same command continues"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Tune's own report off the terminal, where the sweep's progress is shown.

    Of what it logs nothing is lost: what it gives up on is raised, what it tries again is no news.
    """
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    with open(os.devnull, "w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            yield
        finally:
            sys.stdout = before
            logger.setLevel(level)
