"""The broker: one Ray actor that holds the trial graph, asks for stages and tells trials of them.

It holds no results: they travel through the store. Were it to die, it would start again from what
it was given, and stages finished meanwhile would be found in the store. It never imports torch.
"""

from __future__ import annotations

import asyncio
import pickle
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from orchestrator.graph.events import (
    ChainAdvanced,
    ChainEnded,
    ChainId,
    ChainStopped,
    ChainWanted,
    Event,
    Instruction,
    RunStage,
    SlotsChanged,
)
from orchestrator.graph.trial_graph import TrialGraph
from orchestrator.stages.outcomes import Key, StageFailed

Chains = Mapping[ChainId, tuple[tuple[Key, Key | None], ...]]

NAME = "repertoire-broker"
SLOTS_EVERY_SECONDS = 5.0
LOOK_AHEAD = 1.25


@ray.remote(num_cpus=1, max_retries=3)
def stage_task(order: bytes, store_uri: str, device: str) -> Event:
    """Run one stage on a worker; what it makes goes to the store, what comes back is an event."""
    from orchestrator.stages.store import StageStore
    from orchestrator.stages.worker import perform

    return perform(pickle.loads(order), StageStore(store_uri), device)


def asked(key: Key, order: bytes, store_uri: str, resources: Mapping[str, float]) -> Any:
    """Ask Ray for a stage; return the reference to the event that will tell its end."""
    device = "cuda" if resources["num_gpus"] else "cpu"
    # Without a strategy of its own a task would be captured by Tune's placement groups.
    task = stage_task.options(scheduling_strategy="DEFAULT", name=f"stage {key[:8]}", **resources)
    return task.remote(order, store_uri, device)


def failed(key: Key, error: RayError) -> StageFailed:
    """Return that a stage failed where it could not tell so itself."""
    if isinstance(error, RayTaskError):  # raised before it began: its code or store was not there
        return StageFailed(key, f"{type(error.cause).__name__}: {error.cause}\n\n{error}")
    return StageFailed(key, f"the worker of this stage was lost: {error}")


class Broker:
    """Drives a `TrialGraph` with Ray tasks.

    Args:
        store_uri: the store, as workers reach it.
        resources: {"num_cpus", "num_gpus"} of a stage.
    """

    def __init__(
        self,
        store_uri: str,
        resources: Mapping[str, float],
    ) -> None:
        self._store_uri, self._resources = store_uri, resources
        self._chains: Chains = {}
        self._of: dict[str, list[ChainId]] = {}
        self._given = asyncio.Event()
        self._advanced: dict[ChainId, int] = {}
        self._ended: dict[ChainId, str] = {}
        self._news: list[Event | Instruction] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._life = uuid.uuid4().hex
        self._broken: Exception | None = None
        self._drained = False
        self._left: int | None = None
        self._room = self._running = self._offered = 0

    async def take(
        self,
        orders: Mapping[Key, bytes],
        chains: Chains,
        stored: frozenset[Key],
        left: int | None,
    ) -> None:
        """Take what all else waits for; the driver gives it to each new life.

        Args:
            orders: key -> what a worker needs to run the stage, pickled: only workers look inside.
            chains: chain -> its stages as (key, parent).
            stored: keys in the store already.
            left: how many stages may start at most; None is no limit.
        """
        if not self._given.is_set():
            self._orders, self._chains, self._left = orders, chains, left
            for chain in chains:
                self._of.setdefault(chain[0], []).append(chain)
            self._graph = TrialGraph(slots=0, stored=stored)
            self._given.set()
            self._spawn(self._watch_cluster())

    async def begin(self, trial_id: str) -> None:
        """Want all stages of a trial, on all its seeds."""
        await self._given.wait()
        for chain in self._of.get(trial_id, ()):
            if chain not in self._advanced and chain not in self._ended:
                self._advanced[chain] = -1
                if self._drained or self._left == 0:
                    self._ended[chain] = "stopped"
                    continue
                await self._handle(ChainWanted(chain, self._chains[chain]))

    async def advance(self, trial_id: str, after: int) -> dict[int, str]:
        """Wait until each seed of a trial learned `after` tasks or ended; return seed -> status."""
        await self.begin(trial_id)
        chains = self._of[trial_id]

        def there() -> bool:
            return all(self._advanced.get(c, -1) >= after or c in self._ended for c in chains)

        async with self._changed:
            await self._changed.wait_for(lambda: self._broken is not None or there())
        self._require_whole()
        return {chain[1]: self._ended.get(chain, "running") for chain in chains}

    async def stop(self, trial_id: str) -> None:
        """Want nothing more of a trial."""
        for chain in self._of.get(trial_id, ()):
            if chain in self._advanced and chain not in self._ended:
                await self._handle(ChainStopped(chain))

    async def drain(self) -> None:
        """Let no further stage start; when those that run have ended, trials are told to end."""
        await self._given.wait()
        self._drained = True
        await self._offer()
        await self._wind_up()

    async def _wind_up(self) -> None:
        if (self._drained or self._left == 0) and not self._running:
            for chain in [c for c in self._advanced if c not in self._ended]:
                await self._handle(ChainStopped(chain))

    async def news(self, life: str, since: int) -> tuple[str, list[Event | Instruction]]:
        """Return the broker's life and what happened in it after the first `since` pieces of news.

        A broker that died and started again has another life; who asks for the old one is told all.
        """
        self._require_whole()
        return self._life, self._news[since if life == self._life else 0 :]

    async def _handle(self, event: Event) -> None:
        self._news.append(event)
        for instruction in self._graph.handle(event):
            self._news.append(instruction)
            match instruction:
                case RunStage(key):
                    self._running += 1
                    self._left = None if self._left is None else self._left - 1
                    self._spawn(self._run(key))
                case ChainAdvanced(chain, after):
                    self._advanced[chain] = after
                case ChainEnded(chain, status):
                    self._ended[chain] = status
        async with self._changed:
            self._changed.notify_all()

    async def _run(self, key: Key) -> None:
        try:
            event = await asked(key, self._orders[key], self._store_uri, self._resources)
        except RayError as error:
            event = failed(key, error)
        self._running -= 1
        await self._offer()  # before the end is told, which would make room for another
        await self._handle(event)
        await self._wind_up()

    async def _watch_cluster(self) -> None:
        """Offer as many slots as the cluster has room for, and a few more to hide the way there."""
        while True:
            self._room = slots_of(ray.nodes(), self._resources)  # type: ignore[no-untyped-call]
            await self._offer()
            await asyncio.sleep(SLOTS_EVERY_SECONDS)

    async def _offer(self) -> None:
        """Offer the slots there are, but no more than may still be used."""
        slots = 0 if self._drained else int(self._room * LOOK_AHEAD) + 1
        if self._left is not None:
            slots = min(slots, self._running + self._left)
        if slots != self._offered:
            self._offered = slots
            await self._handle(SlotsChanged(slots))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that nobody waits for; should it raise, those who wait for others are told."""
        try:
            await work
        except Exception as error:
            self._broken = error
            async with self._changed:
                self._changed.notify_all()

    def _require_whole(self) -> None:
        if self._broken is not None:
            raise self._broken


def slots_of(nodes: Iterable[Mapping[str, Any]], resources: Mapping[str, float]) -> int:
    """Return how many stages the living nodes of a cluster have room for at a time."""
    wanted = {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"]}
    room = 0
    for node in nodes:
        has = node["Resources"] if node["Alive"] else {}
        room += int(min(has.get(name, 0.0) / amount for name, amount in wanted.items() if amount))
    return room
