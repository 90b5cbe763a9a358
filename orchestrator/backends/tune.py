"""Evaluation on Ray: Tune runs the trials, tasks compute stages, a broker stands between."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

from orchestrator.backends.ray_cluster import needs, room_for
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Observer
from orchestrator.graph.plan import Plan, chain_id
from orchestrator.stages.store import StageStore

POLL_SECONDS = 0.25


def compute(plan: Plan, store: StageStore, observe: Observer, brake: Brake) -> None:
    """Give the trials to Tune and the stages to a broker, and pass on the news."""
    import ray

    from orchestrator.backends.broker import NAME, Broker

    slots = room_for(plan.sweep)
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
        .remote(store.uri, needs(plan.sweep))
    )  # fmt: skip
    try:
        with news(broker, (orders, chains, plan.stored, brake.stages_left), observe, brake):
            fit(plan, broker, namespace, slots)
    finally:
        ray.kill(broker)


@contextmanager
def news(broker: Any, given: tuple[Any, ...], observe: Observer, brake: Brake) -> Iterator[None]:
    """Pass the broker's news to `observe`, from one thread, until the block ends and all is told.

    If that fails the broker is ended, and with it the block: nothing should run on unobserved.
    """
    import ray

    over = threading.Event()
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            listen(broker, given, observe, brake, over)
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


def listen(
    broker: Any,
    given: tuple[Any, ...],
    observe: Observer,
    brake: Brake,
    over: threading.Event,
) -> None:
    """Pass the broker's news to `observe`, once more after `over`.

    A new broker, and one that died and started again, is first given what it is to work on.
    """
    import ray

    life, told, drained = "", 0, False
    while True:
        last = over.wait(POLL_SECONDS)
        if brake.reason and not drained:
            drained = True
            broker.drain.remote()
        now, fresh = ray.get(broker.news.remote(life, told))
        if now != life:
            ray.get(broker.take.remote(*given))
        life, told = now, len(fresh) + (told if now == life else 0)
        for item in fresh:
            brake.count(item)
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
