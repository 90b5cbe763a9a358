"""What ends a run before everything is computed: a budget that is spent, or Ctrl-C.

Past it no new stage starts; running ones finish and are stored. The same command continues.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.graph.events import Event, Instruction, RunStage
from orchestrator.stages.outcomes import StageDone
from orchestrator.sweep.options import Budget, Resources

HOUR = 3600.0


class Brake:
    """Says whether new stages may start.

    Args:
        budget: what may be spent.
        resources: what a stage takes.
        seconds_of: the seconds a finished stage took, by its key.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        resources: Resources | None = None,
        seconds_of: Callable[[str], float] = lambda key: 0.0,
    ) -> None:
        self._budget, self._resources = budget or Budget(), resources or Resources()
        self._seconds_of = seconds_of
        self._started, self._stages, self._seconds = time.monotonic(), 0, 0.0
        self._pulled: str | None = None

    def pull(self, reason: str) -> None:
        """Let no new stage start from now on; the first reason is told."""
        self._pulled = self._pulled or reason

    def count(self, news: Event | Instruction) -> None:
        """Take in what a run spends."""
        if isinstance(news, RunStage):
            self._stages += 1
        elif isinstance(news, StageDone) and (self._budget.cpu_hours or self._budget.gpu_hours):
            self._seconds += self._seconds_of(news.key)

    @property
    def stages_left(self) -> int | None:
        """How many stages may still start; None if there is no limit."""
        if self.reason is not None:
            return 0
        return None if self._budget.stages is None else self._budget.stages - self._stages

    @property
    def reason(self) -> str | None:
        """Why no new stage may start, or None."""
        spent = {
            "stages": float(self._stages),
            "wall": (time.monotonic() - self._started) / HOUR,
            "cpu_hours": self._seconds / HOUR * self._resources.cpus,
            "gpu_hours": self._seconds / HOUR * self._resources.gpus,
        }
        for name, amount in spent.items():
            limit = getattr(self._budget, name)
            if limit is not None and amount >= limit:
                self.pull(f"the budget is spent ({name}: {limit:g})")
        return self._pulled


@contextmanager
def interruptible(brake: Brake, say: Callable[[str], None]) -> Iterator[None]:
    """Have the first Ctrl-C pull the brake, and the second end the block at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        brake.pull("interrupted")
        say("finishing the stages that run; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
