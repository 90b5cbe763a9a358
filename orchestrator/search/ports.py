"""The interfaces of samplers, which draw candidates, and schedulers, which stop some early.

Candidates are numbers, from 0 in each group. Values are what they are ranked by, one a metric.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

from orchestrator.sweep.spaces.domains import Point

Values = tuple[float, ...]
Decision = Literal["continue", "pause", "stop"]


class Sampler(Protocol):
    """Draws candidates."""

    learns: bool
    """Whether its draws depend on the candidates reported to it."""

    def ask(self, number: int) -> Point | None:
        """Return a point of the space; None if there are no more."""

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Report how a candidate ended; without values it was stopped early, or failed."""


@dataclass(frozen=True)
class Stopped:
    """A scheduler stopped a candidate other than the one it decided about."""

    number: int


@dataclass(frozen=True)
class Adopted:
    """A candidate goes on from another's stage, with hyperparameters of its own."""

    number: int
    source: int
    point: Point


class Scheduler(Protocol):
    """Decides which candidates go on."""

    name: str

    def add(self, number: int, point: Point) -> None:
        """Add a candidate."""

    def result(self, number: int, after: int, value: float) -> Decision:
        """Return the decision about a candidate that learned `after` tasks."""

    def end(self, number: int, after: int, value: float | None) -> None:
        """Report that a candidate is over; without a value it failed."""

    def effects(self) -> list[Stopped | Adopted]:
        """Return the effects on other candidates of the calls since the last time."""

    def choose(self) -> int | None:
        """Return a candidate to start or to resume; None if none is due."""


class NullScheduler:
    """Every candidate runs to the end."""

    name = "fifo"

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()

    def add(self, number: int, point: Point) -> None:
        """Queue a candidate."""
        self._waiting.append(number)

    def result(self, number: int, after: int, value: float) -> Decision:
        """Return "continue"."""
        return "continue"

    def end(self, number: int, after: int, value: float | None) -> None:
        """Do nothing."""

    def effects(self) -> list[Stopped | Adopted]:
        """Return an empty list."""
        return []

    def choose(self) -> int | None:
        """Return the candidate that has waited longest."""
        return self._waiting.popleft() if self._waiting else None
