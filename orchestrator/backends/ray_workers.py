"""Stages on a Ray cluster for one who drives the trial graph here: a search."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.graph.events import Event
from orchestrator.stages.worker import Order

PATIENCE_SECONDS = 1.0


class RayWorkers:
    """Computes stages as Ray tasks; Ray is only started when the first is asked for.

    Args:
        store_uri: the store, as workers reach it.
        resources: {"num_cpus", "num_gpus"} of a stage.
        start: makes sure that Ray is there.
    """

    def __init__(
        self, store_uri: str, resources: Mapping[str, float], start: Callable[[], object]
    ) -> None:
        self._store_uri, self._resources, self._start = store_uri, resources, start
        self._running: dict[Any, str] = {}
        self._started = False

    def slots(self) -> int:
        """Return how many stages the cluster has room for, and a few to hide the way there."""
        import ray

        from orchestrator.backends.broker import LOOK_AHEAD, slots_of

        if not self._started:
            self._start()
            self._started = True
        room = slots_of(ray.nodes(), self._resources)  # type: ignore[no-untyped-call]
        return int(room * LOOK_AHEAD) + 1

    def submit(self, order: Order) -> None:
        """Ask for a stage."""
        from orchestrator.backends.broker import asked

        task = asked(order.key, pickle.dumps(order), self._store_uri, self._resources)
        self._running[task] = order.key

    def wait(self) -> list[Event]:
        """Return how stages ended; nothing after a second in which none did."""
        import ray

        done, _ = ray.wait(list(self._running), num_returns=1, timeout=PATIENCE_SECONDS)
        return [self._ended(task, self._running.pop(task)) for task in done]

    def _ended(self, task: Any, key: str) -> Event:
        import ray
        from ray.exceptions import RayError

        from orchestrator.backends.broker import failed

        try:
            event: Event = ray.get(task)
        except RayError as error:
            event = failed(key, error)
        return event
