"""Samplers that do not learn: every point of a grid, or independent draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from orchestrator.hashing import canonical_json
from orchestrator.search.ports import Values
from orchestrator.sweep.spaces.domains import Domain, Point, draw_point, grid_points

# Draws that give no new point before a space counts as exhausted.
TRIES = 200


class GridSampler:
    """Every point of a space of finite domains, in order."""

    learns = False

    def __init__(self, space: Mapping[str, Domain]) -> None:
        self._points = list(grid_points(space))

    def ask(self, number: int) -> Point | None:
        """Return the point of that number."""
        return self._points[number] if number < len(self._points) else None

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Do nothing."""


class RandomSampler:
    """Independent draws, each point once; the same for the same seed, however many are drawn."""

    learns = False

    def __init__(self, space: Mapping[str, Domain], seed: int) -> None:
        self._space, self._random = space, np.random.default_rng(seed)
        self._points: list[Point] = []
        self._seen: set[str] = set()

    def ask(self, number: int) -> Point | None:
        """Return a point that was not drawn before; None if many tries gave none."""
        # In order, so that point i is the same however many are asked for.
        while len(self._points) <= number:
            fresh = next((p for p in (self._draw() for _ in range(TRIES)) if self._is_new(p)), None)
            if fresh is None:
                return None
            self._points.append(fresh)
        return self._points[number]

    def tell(self, number: int, values: Values | None, failed: bool) -> None:
        """Do nothing."""

    def _draw(self) -> Point:
        return draw_point(self._space, self._random)

    def _is_new(self, point: Point) -> bool:
        name = canonical_json(point)
        # `add` returns None, so a new name is noted and the answer is True.
        return not (name in self._seen or self._seen.add(name))  # type: ignore[func-returns-value]
