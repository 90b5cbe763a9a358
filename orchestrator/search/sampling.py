"""Samplers that do not learn, and the order in which candidates are drawn and reported to any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from orchestrator.hashing import canonical
from orchestrator.search.candidate import Candidate
from orchestrator.search.ports import Sampler, Values
from orchestrator.sweep.spaces import Domain, Point, draw, grid

TRIES = 200
FAILED = ("diverged", "failed", "infeasible")


@dataclass
class Draws:
    """Candidates in the order they are drawn, which never depends on the order they end in.

    Candidate i is drawn once all up to i - `parallel` are over, and its sampler has then been told
    of exactly these, in order. One that learns nothing need not wait.

    Attributes:
        sampler: draws.
        limit: how many at most; None is all there are.
        parallel: how many may be on their way when the sampler learns.
        candidates: those drawn so far, by number.
    """

    sampler: Sampler
    limit: int | None
    parallel: int
    candidates: list[Candidate] = field(default_factory=list)
    _told: int = 0
    _dry: bool = False

    def next(self) -> Point | None:
        """Return the next point, or None if there is none, or none yet."""
        number = len(self.candidates)
        if self._dry or (self.limit is not None and number >= self.limit):
            return None
        if not self._tell_up_to(number - self.parallel) and self.sampler.learns:
            return None
        point = self.sampler.ask(number)
        self._dry = point is None
        return point

    def repeat(self) -> None:
        """Let the sampler draw what was drawn before, so that it stands where it stood."""
        self._tell_up_to(len(self.candidates) - self.parallel)
        self.sampler.ask(len(self.candidates))

    def close(self) -> None:
        """Draw no more."""
        self._dry = True

    @property
    def over(self) -> bool:
        """Whether all is drawn."""
        return self._dry or len(self.candidates) == self.limit

    def original(self, candidate: Candidate) -> Candidate:
        """Return the candidate that stands for one: itself, or the earlier one that is the same."""
        return candidate if candidate.twin is None else self.candidates[candidate.twin]

    def _tell_up_to(self, last: int) -> bool:
        """Tell the sampler of candidates up to `last`, in order; False if one is not over yet."""
        while self._told <= last:
            candidate = self.original(self.candidates[self._told])
            if not candidate.over:
                return False
            self.sampler.tell(self._told, candidate.values, candidate.status in FAILED)
            self._told += 1
        return True


class GridSampler:
    """Every point of a space of finite domains, in order."""

    learns = False

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self._points = list(grid(space))

    def ask(self, number: int) -> Point | None:
        """Return the point of that number."""
        return self._points[number] if number < len(self._points) else None

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Take no notice."""


class RandomSampler:
    """Independent draws, each point once; the same for the same seed, however many are drawn."""

    learns = False

    def __init__(self, space: Mapping[str, Domain], seed: int) -> None:
        self._space, self._random = space, np.random.default_rng(seed)
        self._points: list[Point] = []
        self._met: set[str] = set()

    def ask(self, number: int) -> Point | None:
        """Return a point that was not drawn before; None once none was found in many tries."""
        while len(self._points) <= number:
            fresh = next((p for p in (self._draw() for _ in range(TRIES)) if self._new(p)), None)
            if fresh is None:
                return None
            self._points.append(fresh)
        return self._points[number]

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Take no notice."""

    def _draw(self) -> Point:
        return draw(self._space, self._random)

    def _new(self, point: Point) -> bool:
        name = canonical(point)
        return not (name in self._met or self._met.add(name))  # type: ignore[func-returns-value]
