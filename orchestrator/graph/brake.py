"""Ends a run early: a budget is spent, a signal arrived, the time is up, or the disk is full.

No new stage starts; running ones finish and are stored. The same command continues the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from orchestrator.columns import HOUR_SECONDS
from orchestrator.errors import StoreFull
from orchestrator.graph.deadline import Deadline
from orchestrator.graph.events import Event, Instruction, RunStage
from orchestrator.stages.outcomes import Key, StageDone, StageFailed
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.options import Resources, RunBudget


class Brake:
    """Decides whether new stages may start.

    Args:
        budget: limits of the run.
        resources: CPUs and GPUs of a stage.
        seconds_by_key: returns the seconds of a finished stage by its key.
        deadline: that stages must not outlast, if any.

    Attributes:
        deadline: as given.
        signalled: whether a signal arrived, so that the next one ends the run at once.
    """

    def __init__(
        self,
        budget: RunBudget | None = None,
        resources: Resources | None = None,
        seconds_by_key: Callable[[str], float] = lambda key: 0.0,
        deadline: Deadline | None = None,
    ) -> None:
        self._budget, self._resources = budget or RunBudget(), resources or Resources()
        self._seconds_by_key = seconds_by_key
        self._started, self._stages, self._seconds = time.monotonic(), 0, 0.0
        self._pulled: str | None = None
        self.deadline = deadline
        self.signalled = False

    def pull(self, reason: str) -> None:
        """Prevent new stages from starting; the first reason is kept."""
        self._pulled = self._pulled or reason

    def count(self, news: Event | Instruction) -> None:
        """Add an event to the amounts spent."""
        if self.deadline is not None:
            self.deadline.count(news)
        if isinstance(news, RunStage):
            self._stages += 1
        # Reading a record takes time in a bucket, and only these two budgets need its seconds.
        elif isinstance(news, StageDone) and (self._budget.cpu_hours or self._budget.gpu_hours):
            self._seconds += self._seconds_by_key(news.key)
        elif isinstance(news, StageFailed) and news.story.startswith(StoreFull.__name__):
            self.pull("no space is left on the store's disk")  # every other stage would be lost

    def has_time_for(
        self, order: StageOrder, orders: Mapping[Key, StageOrder], together: int = 1
    ) -> bool:
        """Return whether a stage would end before the deadline, if there is one.

        Args:
            order: the stage.
            orders: of the run by key.
            together: stages of its task so far, itself included.
        """
        return self.deadline is None or self.deadline.has_time_for(order, orders, together)

    def pull_if_held(self) -> None:
        """Pull the brake if stages were held back; called when nothing else runs or may start."""
        if self.deadline is not None and self.deadline.reason is not None:
            self.pull(self.deadline.reason)

    @property
    def stages_left(self) -> int | None:
        """How many stages may still start; None if there is no limit."""
        # Asking for the reason checks the budgets first, so that a spent one pulls the brake here.
        if self.reason is not None:
            return 0
        return None if self._budget.stages is None else self._budget.stages - self._stages

    @property
    def reason(self) -> str | None:
        """Why no new stage may start, or None."""
        spent = {
            "stages": float(self._stages),
            "wall": (time.monotonic() - self._started) / HOUR_SECONDS,
            "cpu_hours": self._seconds / HOUR_SECONDS * self._resources.cpus,
            "gpu_hours": self._seconds / HOUR_SECONDS * self._resources.max_gpus,
        }
        for name, amount in spent.items():
            limit = getattr(self._budget, name)
            if limit is not None and amount >= limit:
                self.pull(f"the budget is spent ({name}: {limit:g})")
        return self._pulled
