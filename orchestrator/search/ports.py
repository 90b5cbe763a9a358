"""What a search asks of samplers, which draw candidates, and of schedulers, which stop some early.

Candidates are numbers, from 0 in each group. Values are what they are ranked by, one per metric.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

from orchestrator.sweep.spaces import Point

Values = tuple[float, ...]
Decision = Literal["continue", "pause", "stop"]


class Sampler(Protocol):
    """Draws candidates."""

    learns: bool
    """Whether what it draws depends on what it was told."""

    def ask(self, number: int) -> Point | None:
        """Return a point of the space; None when there is no other."""

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Take in how a candidate ended; without values it was stopped early, or failed."""


@dataclass(frozen=True)
class Stopped:
    """A scheduler stopped a candidate other than the one it was told of."""

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
        """Take in a candidate."""

    def result(self, number: int, after: int, value: float) -> Decision:
        """Decide about a candidate that learned `after` tasks; larger or smaller as the mode is."""

    def end(self, number: int, after: int, value: float | None) -> None:
        """Take in that a candidate is over; without a value it failed."""

    def effects(self) -> list[Stopped | Adopted]:
        """Return what the calls since the last time did to other candidates."""

    def chosen(self) -> int | None:
        """Return a candidate to run, or to go on with after a pause; None if none is due."""


class Fifo:
    """Every candidate runs to the end."""

    name = "fifo"

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()

    def add(self, number: int, point: Point) -> None:
        """Queue a candidate."""
        self._waiting.append(number)

    def result(self, number: int, after: int, value: float) -> Decision:
        """Let it go on."""
        return "continue"

    def end(self, number: int, after: int, value: float | None) -> None:
        """Take no notice."""

    def effects(self) -> list[Stopped | Adopted]:
        """Return nothing."""
        return []

    def chosen(self) -> int | None:
        """Return the candidate that has waited longest."""
        return self._waiting.popleft() if self._waiting else None
