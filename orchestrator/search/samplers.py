"""Samplers that learn nothing: every point of a grid, and independent draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from orchestrator.hashing import canonical
from orchestrator.search.ports import Values
from orchestrator.sweep.spaces import Domain, Point, draw, grid

TRIES = 200


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
