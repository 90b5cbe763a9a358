"""Figures as trials have them, to try an objective on."""

from __future__ import annotations

from functools import cache
from random import Random  # noqa: TID251 - seeded by a name; objectives are read without torch

from orchestrator.columns import COLUMNS
from orchestrator.sweep.objective.expression import QUALITIES, RANKED_COSTS

Figures = dict[str, float]


@cache
def plausible_figures(count: int) -> tuple[Figures, ...]:
    """Return sets of figures as trials have them: shares, differences of shares, bytes and FLOPs.

    Each figure has one value in each of `count` equal parts of its range, costs on a logarithmic
    scale, in an order drawn from its name. Its values therefore do not depend on which other
    figures there are. Every other set has costs of zero among it.

    Reference: McKay, Beckman and Conover, 1979, Latin hypercube sampling.
    Deviations: the middle of each part, not a random place in it.
    """
    places = {name: _spread(name, count) for name in (*QUALITIES, *RANKED_COSTS)}
    return tuple(
        {name: _quality(name, places[name][i]) for name in QUALITIES}
        | {name: _cost(places[name][i], zero=0.5 * (i % 2)) for name in RANKED_COSTS}
        for i in range(count)
    )


def _spread(name: str, count: int) -> list[float]:
    """Return the middles of `count` equal parts of (0, 1), in an order drawn from a name."""
    draw = Random(name)
    return sorted(((i + 0.5) / count for i in range(count)), key=lambda _: draw.random())


def _quality(name: str, place: float) -> float:
    lowest = COLUMNS[name].lowest
    return lowest + (1 - lowest) * place


def _cost(place: float, zero: float) -> float:
    return 10 ** (14 * place) if place >= zero else 0.0
