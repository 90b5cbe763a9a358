"""The loop between a client, the trial graph, and the workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

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
from orchestrator.stages.siblings import max_siblings, sibling_key
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.sweep import Sweep

Observer = Callable[[Event | Instruction], None]


class Workers(Protocol):
    """A pool that computes stages."""

    def slots(self) -> int:
        """Return the number of stages that may be submitted at a time."""

    def submit(self, order: StageOrder) -> None:
        """Start computing a stage."""

    def wait(self) -> list[Event]:
        """Return the outcomes that have arrived; [] after a timeout.

        Called only while a stage runs.
        """


@runtime_checkable
class FusingWorkers(Workers, Protocol):
    """A pool that also computes siblings as one task."""

    def submit_together(self, orders: tuple[StageOrder, ...]) -> None:
        """Start computing siblings, which take one slot; `wait` returns the outcome of each."""


class Client(Protocol):
    """Decides which stages are wanted, given how earlier ones ended."""

    @property
    def orders(self) -> Mapping[Key, StageOrder]:
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

    Siblings that are to be fused are submitted together to workers that can.
    """
    loop = _Loop(client, workers, observe, brake)
    loop.events.extend(client.begin())
    loop.handle_events()
    # Slots open after all first events, so that the first stages are those that unblock the most.
    while (loop.running or loop.graph.may_have_ready_stages) and loop.step():
        pass
    brake.pull_if_held()


class _Loop:
    """State of `drive`: the graph, the events it has not handled yet, and how many stages run."""

    def __init__(self, client: Client, workers: Workers, observe: Observer, brake: Brake) -> None:
        self.client, self.workers, self.brake = client, workers, brake
        self.fusing = workers if isinstance(workers, FusingWorkers) else None
        self.observe = observe
        # Without a reference to this loop, which has it: the stages are freed at once at its end.
        self.graph = TrialGraph(0, siblings=self._siblings) if self.fusing else TrialGraph(0)
        self.groups: dict[Key, tuple[str, int] | None] = {}
        self.slots = self.running = 0
        self.events: deque[Event] = deque()

    def step(self) -> bool:
        """Wait for an outcome and handle it; False when nothing runs and nothing may start."""
        # Without a running stage there is no outcome to wait for, and `wait` would block.
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
            # Submitted after all instructions of an event: siblings are named one by one and run as
            # one task.
            tasks: dict[Key, list[StageOrder]] = {}
            for instruction in self.graph.handle(event):
                if isinstance(instruction, RunStage):
                    task = tasks.setdefault(instruction.beside or instruction.key, [])
                    if self._is_held(instruction.key, len(task)):
                        continue
                    task.append(self.client.orders[instruction.key])
                # Before the client answers, so that observers see events in the order in which they
                # happened.
                self.observe(instruction)
                self.brake.count(instruction)
                if not isinstance(instruction, RunStage):
                    self.events.extend(self.client.handle(instruction))
            for orders in tasks.values():
                self._submit(orders)

    def _submit(self, orders: list[StageOrder]) -> None:
        self.running += len(orders)
        if self.fusing and len(orders) > 1:
            self.fusing.submit_together(tuple(orders))
        elif orders:  # a single one, since without it no stage has siblings
            self.workers.submit(orders[0])

    def _is_held(self, key: Key, before: int) -> bool:
        """Return whether a stage, after some others of its task, is held back.

        A stage is held back if it would outlast the deadline, or if siblings have spent the budget.
        """
        if self.fusing is None and self.brake.deadline is None:
            return False
        orders = self.client.orders
        # Slots keep to the budget of stages, but siblings share one, so that they are counted here.
        spent = self._siblings(key) is not None and self.brake.stages_left == 0
        if not spent and self.brake.has_time_for(orders[key], orders, before + 1):
            return False
        self.events.append(StageHeld(key))
        return True

    def _siblings(self, key: Key) -> tuple[str, int] | None:
        """Return the key that siblings share and their largest number; None if not to be fused."""
        if self.fusing is None:
            return None
        # Kept, since the graph asks again at each start of a stage and the key takes time.
        if key not in self.groups:
            stage = self.client.orders[key].stages[0]
            shared = sibling_key(stage)
            known = None if shared is None else (shared, max_siblings(stage.training))
            self.groups[key] = known
        return self.groups[key]


def count_slots(workers: Workers, brake: Brake, running: int) -> int:
    """Return the number of stages that may run at a time."""
    # Stages that run are counted as spent already, so that they are added again.
    left = brake.stages_left
    return workers.slots() if left is None else min(workers.slots(), running + left)
