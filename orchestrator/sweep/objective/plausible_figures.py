"""Figures as trials have them, to try an objective on."""

from __future__ import annotations

import math

from orchestrator.sweep.objective.expression import COSTS, QUALITIES


def plausible_figures(number: int) -> dict[str, float]:
    """Return figures as trials have them: shares, differences of shares, bytes and FLOPs.

    Each runs evenly through its range as `number` grows, all independently (Weyl's sequence); every
    other set of figures has costs of zero among it.
    """
    names = (*QUALITIES, *COSTS)
    place = {name: math.sqrt(2 + i) * math.e * (1 + number) % 1 for i, name in enumerate(names)}
    figures = {name: place[name] for name in QUALITIES}
    figures |= {name: 2 * place[name] - 1 for name in ("bwt", "fwt", "forgetting")}
    zero = 0.5 * (number % 2)
    costs = {name: 10 ** (14 * place[name]) if place[name] >= zero else 0.0 for name in COSTS}
    return figures | costs
