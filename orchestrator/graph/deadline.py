"""A time that the stages of a run must not outlast, and the expected durations of stages.

A stage is expected to take as long as the longest recorded stage of its kind, else as the longest
of any kind. If nothing is recorded yet, it may start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.events import ChainWanted, Event, Instruction
from orchestrator.stages.features.feature_task import FeatureTask
from orchestrator.stages.outcomes import Key, StageDone
from orchestrator.stages.worker import StageOrder

StageKind = tuple[str, str, str, bool]
# The state is written after the seconds of a record, and machines vary.
MARGIN = 1.1
RECORDS_PER_KIND = 32  # the longest of a sample will do; to read all takes long in a bucket


def stage_kind(order: StageOrder) -> StageKind:
    """Return the kind of a stage, whose stages take about as long as each other.

    It is the benchmark, the network, the method, and whether the stage trains.
    """
    stage: Any = order.stages[0]
    if isinstance(stage, FeatureTask):
        return stage.kind
    return (stage.benchmark.title, stage.network.name, stage.method.name, stage.after > 0)


@dataclass
class LongestDurations:
    """The longest seconds of the recorded stages, by kind."""

    _longest: dict[StageKind, float] = field(default_factory=dict)
    _counts: dict[StageKind, int] = field(default_factory=dict)

    def add(self, kind: StageKind, seconds: float) -> None:
        """Add a recorded stage."""
        self._longest[kind] = max(seconds, self._longest.get(kind, 0.0))
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def count(self, kind: StageKind) -> int:
        """Return the number of stages of a kind that were added."""
        return self._counts.get(kind, 0)

    def expected_seconds(self, kind: StageKind) -> float | None:
        """Return the seconds that a stage of a kind may take; None if nothing is recorded.

        A stage that trains nothing says little about one that trains.
        """
        if kind in self._longest:
            return self._longest[kind]
        alike = (seconds for other, seconds in self._longest.items() if other[3] == kind[3])
        return max(alike, default=None)


class Deadline:
    """Decides which stages would end in time.

    Args:
        seconds: until the deadline, from now on.
        label: the deadline in words: "18:30 (--until)".
        seconds_by_key: returns the seconds of a recorded stage by its key.
        clock: returns seconds that only grow.

    Attributes:
        held: keys of the stages that were not started.
    """

    def __init__(
        self,
        seconds: float,
        label: str,
        seconds_by_key: Callable[[Key], float] = lambda key: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label, self._seconds_by_key, self._clock = label, seconds_by_key, clock
        self._end = clock() + seconds
        self._durations = LongestDurations()
        self._running: dict[Key, StageKind] = {}
        self._stored: dict[Key, None] = {}
        self.held: set[Key] = set()

    def has_time_for(
        self, order: StageOrder, orders: Mapping[Key, StageOrder], together: int = 1
    ) -> bool:
        """Return whether a stage would end in time; note it as held if not.

        Args:
            order: the stage.
            orders: the orders of the run by key, for the kinds of stored stages.
            together: stages of its task so far, itself included; they end together.
        """
        self._read_stored(orders)
        kind, left = stage_kind(order), self._end - self._clock()
        expected = self._durations.expected_seconds(kind)
        # Siblings of one task are stored together, at its end, so that their times add up.
        if left > 0 and (expected is None or together * expected * MARGIN <= left):
            self._running[order.key] = kind
            return True
        self.held.add(order.key)
        return False

    def count(self, news: Event | Instruction) -> None:
        """Note which stages are stored, and how long one took that ended."""
        if isinstance(news, ChainWanted):
            self._stored |= dict.fromkeys(news.stored)
        # What was found or only scored says nothing of how long a stage of its kind takes.
        elif isinstance(news, StageDone) and news.work == "computed" and news.key in self._running:
            self._durations.add(self._running.pop(news.key), self._seconds_by_key(news.key))

    @property
    def reason(self) -> str | None:
        """Why stages were held, or None."""
        return f"no other stage would end by {self.label}" if self.held else None

    def _read_stored(self, orders: Mapping[Key, StageOrder]) -> None:
        """Read how long stored stages took, a few of each kind."""
        for key in self._stored:
            kind = stage_kind(orders[key])
            if self._durations.count(kind) < RECORDS_PER_KIND:
                self._durations.add(kind, self._seconds_by_key(key))
        self._stored = {}
