"""Spaces of hyperparameters, such as `{loguniform: [1, 1.0e+6]}` in a sweep.

A space is a mapping from the place of a hyperparameter ("method.lam", "training.lr") to a domain.
`when: {other: value}` beside a domain draws it only where another hyperparameter of the same
section has that value, or one of a list of them; elsewhere its default holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import Any

import numpy as np

from orchestrator.errors import suggest
from orchestrator.hashing import canonical
from orchestrator.sweep.kinds import KINDS

Point = dict[str, Any]
Condition = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Domain:
    """The values a hyperparameter may take.

    Attributes:
        kind: a name of `KINDS`.
        args: all values of a finite domain, else low and high (and the step).
        when: place -> values; the domain counts only where each place has one of its values.
    """

    kind: str
    args: tuple[Any, ...]
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def finite(self) -> bool:
        """Whether `args` are all its values."""
        return KINDS[self.kind].finite

    def sample(self, random: np.random.Generator) -> Any:
        """Draw a value."""
        return KINDS[self.kind].draw(random, self.args)

    def representatives(self) -> tuple[Any, ...]:
        """Return all values of a finite domain, else both ends: one is invalid if any value is."""
        return KINDS[self.kind].ends(self.args)

    def active(self, point: Mapping[str, Any]) -> bool:
        """Return whether the domain counts, given the values of those before it."""
        return all(point.get(place) in values for place, values in self.when)

    def describe(self) -> dict[str, Any]:
        """Return the domain as the sweep gives it."""
        when = {place: list(values) for place, values in self.when}
        return {self.kind: list(self.args), **({"when": when} if when else {})}


def is_domain(value: object) -> bool:
    """Return whether a value of a sweep is a domain, even if its kind is misspelt."""
    return isinstance(value, dict) and any(
        get_close_matches(name, KINDS, n=1, cutoff=0.75) for name in map(str, value)
    )


def read_domain(value: dict[str, Any], where: str, mistakes: list[str]) -> Domain | None:
    """Return a value of a sweep as a domain, or None after noting the mistake."""
    kinds = [name for name in value if name in KINDS]
    for name in value:
        if name not in KINDS and name != "when":
            mistakes.append(f"{where}: unknown kind of space {name!r}; {suggest(name, KINDS)}")
            return None
    if len(kinds) != 1:
        mistakes.append(f"{where}: one kind of space is needed, given {' and '.join(kinds)}")
        return None
    args, when = value[kinds[0]], value.get("when", {})
    objection = (
        KINDS[kinds[0]].objection(args) if isinstance(args, list) else "is a list, [low, high]"
    )
    if objection is not None:
        mistakes.append(f"{where}: {kinds[0]} {objection}, given {args}")
        return None
    if not isinstance(when, dict):
        mistakes.append(f"{where}.when: must be keys and values, given {when}")
        return None
    conditions = {k: tuple(v) if isinstance(v, list) else (v,) for k, v in when.items()}
    return Domain(kinds[0], tuple(args), tuple(conditions.items()))


def draw_point(space: Mapping[str, Domain], random: np.random.Generator) -> Point:
    """Draw a point: a value of each active domain, in the order of the space."""
    point: Point = {}
    for place, domain in space.items():
        value = domain.sample(random)  # drawn in any case: a condition must not shift what follows
        if domain.active(point):
            point[place] = value
    return point


def grid_points(space: Mapping[str, Domain]) -> Iterator[Point]:
    """Yield each point of a space of finite domains once, the last domain changing fastest."""
    conditional = any(domain.when for domain in space.values())
    seen: set[str] = set()
    for values in product(*(domain.args for domain in space.values())):
        whole = dict(zip(space, values, strict=True))
        point: Point = {}
        for place, domain in space.items():
            if domain.active(point):
                point[place] = whole[place]
        name = canonical(point) if conditional else ""
        if name not in seen or not conditional:
            seen.add(name)
            yield point
