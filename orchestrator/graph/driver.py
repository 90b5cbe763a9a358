"""The loop between those who want stages, the trial graph, and those who compute them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from orchestrator.graph.brake import Brake
from orchestrator.graph.events import (
    ChainAdvanced,
    ChainEnded,
    Event,
    Instruction,
    RunStage,
    SlotsChanged,
)
from orchestrator.graph.trial_graph import TrialGraph
from orchestrator.stages.outcomes import Key
from orchestrator.stages.worker import Order

Observer = Callable[[Event | Instruction], None]


class Workers(Protocol):
    """Those who compute stages."""

    def slots(self) -> int:
        """Return how many stages may be asked for at a time."""

    def submit(self, order: Order) -> None:
        """Ask for a stage."""

    def wait(self) -> list[Event]:
        """Return what has ended, after a while nothing; called only while something runs."""


class Client(Protocol):
    """One who wants stages, and what it wants next as it hears of them."""

    @property
    def orders(self) -> Mapping[Key, Order]:
        """Key -> stage, of all that was wanted so far."""

    def begin(self) -> list[Event]:
        """Return what is wanted first."""

    def on(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return what is wanted because of a piece of news."""


def drive(client: Client, workers: Workers, observe: Observer, brake: Brake) -> None:
    """Compute what a client wants, until it wants no more or the brake is pulled.

    Args:
        client: wants stages.
        workers: compute them.
        observe: told every event and instruction.
        brake: past it no new stage starts; those that run are waited for.
    """
    loop = _Loop(client, workers, observe, brake)
    loop.todo.extend(client.begin())
    loop.handle_all()
    # No slot is free until all first wants are known, so that the order is what unblocks most.
    while loop.running or loop.graph.ready:
        if not loop.turn():
            return


class _Loop:
    """What `drive` goes through: the graph, what it is to be told, and what runs."""

    def __init__(self, client: Client, workers: Workers, observe: Observer, brake: Brake) -> None:
        self.client, self.workers, self.brake = client, workers, brake
        self.observe = observe
        self.graph, self.slots, self.running = TrialGraph(slots=0), 0, 0
        self.todo: deque[Event] = deque()

    def turn(self) -> bool:
        """Wait for what runs, and tell the graph; False when nothing runs and nothing may start."""
        ended = self.workers.wait() if self.running else []
        self.running -= len(ended)
        for event in ended:
            self.observe(event)
            self.brake.count(event)
        slots = allowed(self.workers, self.brake, self.running)
        if slots != self.slots:  # told first: what ended must not make room that is taken away
            self.slots = slots
            self.todo.append(SlotsChanged(slots))
        self.todo.extend(ended)
        self.handle_all()
        return bool(self.running)

    def handle_all(self) -> None:
        """Tell the graph all there is, and do what it says."""
        while self.todo:
            for instruction in self.graph.handle(self.todo.popleft()):
                self.observe(instruction)
                self.brake.count(instruction)
                if isinstance(instruction, RunStage):
                    self.running += 1
                    self.workers.submit(self.client.orders[instruction.key])
                elif isinstance(instruction, ChainAdvanced | ChainEnded):
                    self.todo.extend(self.client.on(instruction))


def allowed(workers: Workers, brake: Brake, running: int) -> int:
    """Return how many stages may run at a time."""
    left = brake.stages_left
    return workers.slots() if left is None else min(workers.slots(), running + left)
