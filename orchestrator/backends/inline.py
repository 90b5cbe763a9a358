"""The backend in this process: one stage at a time. For debugging and small sweeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Client, Observer, drive
from orchestrator.graph.events import Event
from orchestrator.stages.compute_group import compute_group
from orchestrator.stages.storage.lease_holding import create_owner
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.sweep import Sweep

NO_GPU = (
    "resources.gpus asks for a GPU, and PyTorch finds none on this machine: "
    "stages are computed on the CPU"
)


class InlineWorkers:
    """Computes each stage when its outcome is requested."""

    def __init__(self, store: StageStore, device: str) -> None:
        self._store, self._device = store, device
        self._tasks: deque[tuple[StageOrder, ...]] = deque()
        self._owner = create_owner()

    def slots(self) -> int:
        """Return one."""
        return 1

    def submit(self, order: StageOrder) -> None:
        """Queue a stage."""
        self._tasks.append((order,))

    def submit_together(self, orders: tuple[StageOrder, ...]) -> None:
        """Queue siblings, to be trained as one batched program."""
        self._tasks.append(orders)

    def wait(self) -> list[Event]:
        """Compute the queued stages of a task."""
        orders = self._tasks.popleft()
        if len(orders) > 1:
            return [*compute_group(orders, self._store, self._device, self._owner)]
        return [compute_order(orders[0], self._store, self._device, self._owner)]


class Inline:
    """Computes stages in this process.

    Args:
        say: called with a line that the user should read.
    """

    def __init__(self, say: Callable[[str], object] = lambda line: None) -> None:
        self._say, self._warned = say, False

    def compute(
        self, client: Client, sweep: Sweep, store: StageStore, observe: Observer, brake: Brake
    ) -> None:
        """Drive a client in this process."""
        drive(client, InlineWorkers(store, self._device(sweep)), observe, brake)

    def _device(self, sweep: Sweep) -> str:
        if not sweep.resources.gpus:
            return "cpu"
        if torch.cuda.is_available():
            return "cuda"
        if not self._warned:
            self._warned = True
            self._say(NO_GPU)
        return "cpu"
