"""The backend in this very process: one stage at a time. For debugging and small sweeps."""

from __future__ import annotations

from collections import deque

import torch

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Client, Observer, drive
from orchestrator.graph.events import Event
from orchestrator.graph.plan import Plan, Wish
from orchestrator.stages.store import StageStore
from orchestrator.stages.worker import Order, perform
from orchestrator.sweep.sweep import Sweep


class OneAtATime:
    """Computes a stage when its end is waited for."""

    def __init__(self, store: StageStore, device: str) -> None:
        self._store, self._device = store, device
        self._orders: deque[Order] = deque()

    def slots(self) -> int:
        """Return one."""
        return 1

    def submit(self, order: Order) -> None:
        """Queue a stage."""
        self._orders.append(order)

    def wait(self) -> list[Event]:
        """Compute the stage that was asked for."""
        return [perform(self._orders.popleft(), self._store, self._device)]


class Inline:
    """The backend in this very process."""

    def __call__(
        self, plan: Plan, store: StageStore, observe: Observer, brake: Brake | None = None
    ) -> None:
        """Compute what a plan lacks, telling `observe` each event and instruction."""
        self.drive(Wish(plan), plan.sweep, store, observe, brake or Brake())

    def drive(
        self, client: Client, sweep: Sweep, store: StageStore, observe: Observer, brake: Brake
    ) -> None:
        """Compute what a client wants."""
        device = "cuda" if sweep.resources.gpus and torch.cuda.is_available() else "cpu"
        drive(client, OneAtATime(store, device), observe, brake)


run_inline = Inline()
