"""The loop between a client, the trial graph, and the workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from orchestrator.graph.brake import Brake
from orchestrator.graph.events import (
    ChainAdvanced,
    ChainEnded,
    ChainWanted,
    Event,
    Instruction,
    RunStage,
    SlotsChanged,
    StageHeld,
)
from orchestrator.graph.trial_graph import TrialGraph
from orchestrator.stages.outcomes import Key
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import Order
from orchestrator.sweep.sweep import Sweep

Observer = Callable[[Event | Instruction], None]


class Workers(Protocol):
    """A pool that computes stages."""

    def slots(self) -> int:
        """Return how many stages may be submitted at a time."""

    def submit(self, order: Order) -> None:
        """Start computing a stage."""

    def wait(self) -> list[Event]:
        """Return the outcomes that have arrived; [] after a timeout.

        Called only while a stage runs.
        """


class Client(Protocol):
    """Decides which stages are wanted, given how earlier ones ended."""

    @property
    def orders(self) -> Mapping[Key, Order]:
        """Key -> order, of all stages wanted so far."""

    def begin(self) -> list[Event]:
        """Return the first events."""

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the events that follow from an instruction of the graph."""


class Backend(Protocol):
    """A place where stages are computed."""

    def compute(
        self, client: Client, sweep: Sweep, store: StageStore, observe: Observer, brake: Brake
    ) -> None:
        """Drive a client with the workers of this backend until it wants no more.

        Args:
            client: decides which stages are wanted.
            sweep: has the resources of a stage.
            store: where stages are kept.
            observe: called with every event and instruction.
            brake: once pulled, no new stage starts.
        """


def drive(client: Client, workers: Workers, observe: Observer, brake: Brake) -> None:
    """Compute the stages a client wants, until it wants no more or the brake is pulled.

    Args:
        client: decides which stages are wanted.
        workers: compute them.
        observe: called with every event and instruction.
        brake: once pulled, no new stage starts; `drive` waits for the running ones.
    """
    loop = _Loop(client, workers, observe, brake)
    loop.events.extend(client.begin())
    loop.handle_events()
    # Slots open after all first events, so that the first stages are those that unblock the most.
    while (loop.running or loop.graph.ready) and loop.step():
        pass
    brake.pull_if_held()


class _Loop:
    """State of `drive`: the graph, the events it has not handled yet, and how many stages run."""

    def __init__(self, client: Client, workers: Workers, observe: Observer, brake: Brake) -> None:
        self.client, self.workers, self.brake = client, workers, brake
        self.observe = observe
        self.graph, self.slots, self.running = TrialGraph(slots=0), 0, 0
        self.events: deque[Event] = deque()

    def step(self) -> bool:
        """Wait for an outcome and handle it; False when nothing runs and nothing may start."""
        outcomes = self.workers.wait() if self.running else []
        self.running -= len(outcomes)
        for outcome in outcomes:
            self.observe(outcome)
            self.brake.count(outcome)
        slots = count_slots(self.workers, self.brake, self.running)
        if slots != self.slots:  # first, since the outcomes would free slots that no longer exist
            self.slots = slots
            self.events.append(SlotsChanged(slots))
        self.events.extend(outcomes)
        self.handle_events()
        return bool(self.running)

    def handle_events(self) -> None:
        """Pass all events to the graph, and carry out its instructions."""
        while self.events:
            event = self.events.popleft()
            if isinstance(event, ChainWanted):
                self.brake.count(event)
            for instruction in self.graph.handle(event):
                if self._is_held(instruction):
                    continue
                self.observe(instruction)
                self.brake.count(instruction)
                if isinstance(instruction, RunStage):
                    self.running += 1
                    self.workers.submit(self.client.orders[instruction.key])
                elif isinstance(instruction, ChainAdvanced | ChainEnded):
                    self.events.extend(self.client.handle(instruction))

    def _is_held(self, instruction: Instruction) -> bool:
        """Return whether a stage would outlast the deadline, so that it is held back."""
        if not isinstance(instruction, RunStage):
            return False
        orders = self.client.orders
        if self.brake.allows(orders[instruction.key], orders):
            return False
        self.events.append(StageHeld(instruction.key))
        return True


def count_slots(workers: Workers, brake: Brake, running: int) -> int:
    """Return how many stages may run at a time."""
    left = brake.stages_left
    return workers.slots() if left is None else min(workers.slots(), running + left)
