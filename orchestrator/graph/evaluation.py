"""The client that evaluates a plan: it starts trials and requests their stages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from orchestrator.graph.events import ChainAdvanced, ChainEnded, ChainWanted, Event
from orchestrator.graph.plan import Plan, chain_id
from orchestrator.stages.stage import Chain
from orchestrator.stages.worker import StageOrder


class TrialQueue(Protocol):
    """Creates the trials of an evaluation and decides which starts next."""

    def next(self) -> str | None:
        """Return the id of the next trial to start; None if none may start now."""

    def end(self, trial_id: str, complete: bool) -> None:
        """Record that a trial ended on all its seeds."""


CreateQueue = Callable[[Sequence[str]], TrialQueue]


class FirstInFirstOut:
    """Starts every trial, in the order of the sweep.

    The same order as Tune's `BasicVariantGenerator` and `FIFOScheduler`, without importing Ray.
    """

    def __init__(self, trial_ids: Iterable[str]) -> None:
        self._waiting = deque(trial_ids)

    def next(self) -> str | None:
        """Return the first trial that has not started."""
        return self._waiting.popleft() if self._waiting else None

    def end(self, trial_id: str, complete: bool) -> None:
        """Do nothing: the order does not depend on how trials end."""


class Evaluation:
    """Requests the stages that the trials of a plan lack.

    Args:
        plan: the plan of the sweep.
        create_queue: creates the queue of the unfinished trials from their ids.
    """

    def __init__(self, plan: Plan, create_queue: CreateQueue = FirstInFirstOut) -> None:
        self._plan = plan
        self._chains: dict[str, list[Chain]] = {}
        for chain in plan.unfinished_chains:
            self._chains.setdefault(chain.trial_id, []).append(chain)
        self._queue = create_queue(list(self._chains))
        self._running: dict[str, dict[int, str]] = {}

    @property
    def orders(self) -> dict[str, StageOrder]:
        """Key -> order, of every stage of the plan."""
        return self._plan.orders

    def begin(self) -> list[Event]:
        """Return the events of the trials that start first."""
        return self._start_trials()

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        """Return the events of the trials that start because another ended."""
        if isinstance(news, ChainAdvanced):
            return []
        trial_id, seed = news.chain
        statuses = self._running[trial_id]
        statuses[seed] = news.status
        # A trial counts as ended when all its seeds have: the queue compares trials, not chains.
        if "running" in statuses.values():
            return []
        del self._running[trial_id]
        self._queue.end(trial_id, complete=set(statuses.values()) == {"complete"})
        return self._start_trials()

    def _start_trials(self) -> list[Event]:
        wants: list[Event] = []
        while (trial_id := self._queue.next()) is not None:
            chains = self._chains[trial_id]
            self._running[trial_id] = {chain.seed: "running" for chain in chains}
            wants += [self._want(chain) for chain in chains]
        return wants

    def _want(self, chain: Chain) -> ChainWanted:
        # Only stages with all scores: one that lacks some has to run, although its state is there.
        stored = frozenset(key for key in chain.keys if self._plan.is_stored(key))
        return ChainWanted(chain_id(chain), self._plan.steps(chain), stored=stored)
