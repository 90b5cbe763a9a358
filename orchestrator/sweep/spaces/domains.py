"""Spaces of hyperparameters, such as `{loguniform: [1, 1.0e+6]}` in a sweep.

A space is a mapping from the place of a hyperparameter ("method.lam", "training.lr") to a domain.
`when: {other: value}` restricts a domain to points at which another hyperparameter of its section
has that value (or one of a list).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from orchestrator.errors import suggest
from orchestrator.hashing import canonical_json
from orchestrator.sweep.spaces.domain_kinds import KINDS

Point = dict[str, Any]  # place -> value


@dataclass(frozen=True)
class Domain:
    """The values a hyperparameter may take.

    Attributes:
        kind: a name of `KINDS`.
        args: all values of a finite domain, else [low, high] or [low, high, step].
        when: (place, values) pairs; the domain is active where each place has one of its values.
    """

    kind: str
    args: tuple[Any, ...]
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def is_finite(self) -> bool:
        """Whether `args` are all its values."""
        return KINDS[self.kind].finite

    def sample(self, random: np.random.Generator) -> Any:
        """Draw a value."""
        return KINDS[self.kind].draw(random, self.args)

    def representatives(self) -> tuple[Any, ...]:
        """Return all values of a finite domain, else both ends: one is invalid if any value is."""
        return KINDS[self.kind].ends(self.args)

    def is_active(self, point: Mapping[str, Any]) -> bool:
        """Return whether the domain is active, given the values of earlier domains."""
        return all(point.get(place) in values for place, values in self.when)

    def describe(self) -> dict[str, Any]:
        """Return the domain in the form of a sweep file."""
        when = {place: list(values) for place, values in self.when}
        return {self.kind: list(self.args), **({"when": when} if when else {})}


def is_domain(value: object) -> bool:
    """Return whether a value of a sweep is a domain, perhaps of a misspelt kind."""
    return isinstance(value, dict) and any(map(_is_like_a_kind, map(str, value)))


@lru_cache(maxsize=4096)
def _is_like_a_kind(name: str) -> bool:
    return bool(get_close_matches(name, KINDS, n=1, cutoff=0.75))


def read_domain(value: dict[str, Any], where: str, mistakes: list[str]) -> Domain | None:
    """Return the domain that a value of a sweep describes, or None after noting the mistake."""
    unknown = next((name for name in value if name not in (*KINDS, "when")), None)
    kinds = [name for name in value if name in KINDS]
    args, when = value[kinds[0]] if kinds else None, value.get("when", {})
    if unknown is not None:
        mistake = f": unknown kind of space {unknown!r}; {suggest(unknown, KINDS)}"
    elif len(kinds) != 1:
        mistake = f": one kind of space is needed, given {' and '.join(kinds)}"
    elif not isinstance(args, list):
        mistake = f": {kinds[0]} is a list, [low, high], given {args}"
    elif (objection := KINDS[kinds[0]].objection(args)) is not None:
        mistake = f": {kinds[0]} {objection}, given {args}"
    elif not isinstance(when, dict):
        mistake = f".when: must be keys and values, given {when}"
    else:
        conditions = {k: tuple(v) if isinstance(v, list) else (v,) for k, v in when.items()}
        return Domain(kinds[0], tuple(args), tuple(conditions.items()))
    mistakes.append(where + mistake)
    return None


def draw_point(space: Mapping[str, Domain], random: np.random.Generator) -> Point:
    """Draw a point: a value of each active domain, in the order of the space."""
    # Inactive domains are sampled as well, so that a condition does not shift later draws.
    return select_active(space, {place: domain.sample(random) for place, domain in space.items()})


def grid_points(space: Mapping[str, Domain]) -> Iterator[Point]:
    """Yield each point of a space of finite domains once, the last domain changing fastest."""
    seen: set[str] = set()
    for values in product(*(domain.args for domain in space.values())):
        point = select_active(space, dict(zip(space, values, strict=True)))
        if (name := canonical_json(point)) not in seen:
            seen.add(name)
            yield point


def select_active(space: Mapping[str, Domain], values: Mapping[str, Any]) -> Point:
    """Return the values of the active domains."""
    point: Point = {}
    for place, domain in space.items():
        if domain.is_active(point):
            point[place] = values[place]
    return point
