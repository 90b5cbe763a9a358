"""Spaces of hyperparameters: what `{loguniform: [1, 1.0e+6]}` in a sweep stands for.

A space is a mapping from the place of a hyperparameter ("method.lam", "training.lr") to a domain.
`when: {other: value}` beside a domain draws it only where another hyperparameter of the same
section has that value, or one of a list of them; elsewhere its default holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import exp, isfinite, log
from typing import Any

import numpy as np

from orchestrator.errors import suggest
from orchestrator.hashing import canonical

Point = dict[str, Any]
Condition = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Domain:
    """The values a hyperparameter may take.

    Attributes:
        kind: a name of `KINDS`.
        args: what the sweep gives: all values of a finite domain, else low and high (and the step).
        when: place -> values; the domain counts only where each place has one of its values.
    """

    kind: str
    args: tuple[Any, ...]
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def finite(self) -> bool:
        """Whether `args` are all the values there are."""
        return KINDS[self.kind].finite

    def sample(self, random: np.random.Generator) -> Any:
        """Draw a value."""
        return KINDS[self.kind].draw(random, self.args)

    def representatives(self) -> tuple[Any, ...]:
        """Return values that are wrong if any is: all of a finite domain, else both ends."""
        return KINDS[self.kind].ends(self.args)

    def active(self, point: Mapping[str, Any]) -> bool:
        """Return whether the domain counts, given the values of those before it."""
        return all(point.get(place) in values for place, values in self.when)

    def describe(self) -> dict[str, Any]:
        """Return the domain as the sweep gives it."""
        when = {place: list(values) for place, values in self.when}
        return {self.kind: list(self.args), **({"when": when} if when else {})}


@dataclass(frozen=True)
class Kind:
    """A kind of domain.

    Attributes:
        draw: draws a value.
        objection: says what is wrong with its arguments, or None.
        ends: gives the least and the greatest value, of the type that is drawn.
        finite: its arguments are its values.
    """

    draw: Callable[[np.random.Generator, Sequence[Any]], Any]
    objection: Callable[[Sequence[Any]], str | None]
    ends: Callable[[Sequence[Any]], tuple[Any, ...]] = tuple
    finite: bool = False


def _check_range(args: Sequence[Any], count: int = 2, positive: bool = False) -> str | None:
    form = "[low, high, step]" if count == 3 else "[low, high]"
    if len(args) != count or not all(_is_number(arg) for arg in args):
        return f"needs {form}, numbers"
    if not args[0] < args[1]:
        return "low must be below high"
    if positive and not args[0] > 0:
        return "low must be above 0, since it is drawn on a logarithmic scale"
    if count == 3 and not 0 < args[2] <= args[1] - args[0]:
        return "step must be above 0 and at most high - low"
    return None


def _check_whole(args: Sequence[Any], positive: bool = False) -> str | None:
    if not all(isinstance(arg, int) and not isinstance(arg, bool) for arg in args):
        return "needs [low, high], whole numbers"
    return _check_range(args, positive=positive)


def _check_list(args: Sequence[Any]) -> str | None:
    if not args:
        return "is a list of at least one value"
    doubled = [arg for i, arg in enumerate(args) if arg in args[:i]]
    return f"names {doubled[0]!r} twice" if doubled else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _uniform(random: np.random.Generator, args: Sequence[Any]) -> float:
    return float(random.uniform(args[0], args[1]))


def _loguniform(random: np.random.Generator, args: Sequence[Any]) -> float:
    return float(exp(random.uniform(log(args[0]), log(args[1]))))


def _lograndint(random: np.random.Generator, args: Sequence[Any]) -> int:
    # Each whole number stands for itself and half the way to its neighbours.
    drawn = exp(random.uniform(log(args[0] - 0.5), log(args[1] + 0.5)))
    return int(min(max(round(drawn), args[0]), args[1]))


def _quniform(random: np.random.Generator, args: Sequence[Any]) -> int | float:
    return value_at_step(args, int(random.integers(0, num_steps(args), endpoint=True)))


def num_steps(args: Sequence[Any]) -> int:
    """Return how many steps [low, high, step] has above low."""
    low, high, step = args
    return int((high - low) / step + 1e-9)


def value_at_step(args: Sequence[Any], number: int) -> int | float:
    """Return the value so many steps above low; whole if low and step are."""
    value = args[0] + args[2] * number
    return value if isinstance(value, int) else float(round(value, 12))


def _as_floats(args: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(arg) for arg in args)


def _choice(random: np.random.Generator, args: Sequence[Any]) -> Any:
    return args[int(random.integers(len(args)))]


KINDS: dict[str, Kind] = {
    "grid": Kind(_choice, _check_list, finite=True),
    "choice": Kind(_choice, _check_list, finite=True),
    "uniform": Kind(_uniform, _check_range, _as_floats),
    "loguniform": Kind(_loguniform, lambda args: _check_range(args, positive=True), _as_floats),
    "randint": Kind(lambda random, args: int(random.integers(args[0], args[1] + 1)), _check_whole),
    "lograndint": Kind(_lograndint, lambda args: _check_whole(args, positive=True)),
    "quniform": Kind(
        _quniform,
        lambda args: _check_range(args, count=3),
        lambda args: (value_at_step(args, 0), value_at_step(args, num_steps(args))),
    ),
}


def is_domain(value: object) -> bool:
    """Return whether a value of a sweep stands for a domain, its kind perhaps misspelt."""
    return isinstance(value, dict) and any(
        get_close_matches(name, KINDS, n=1, cutoff=0.75) for name in map(str, value)
    )


def read_domain(value: dict[str, Any], where: str, mistakes: list[str]) -> Domain | None:
    """Return the domain that a value of a sweep stands for, or None after noting the mistake."""
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
    """Draw a point: the value of each domain that counts, in the order of the space."""
    point: Point = {}
    for place, domain in space.items():
        value = domain.sample(random)  # drawn in any case: a condition must not shift what follows
        if domain.active(point):
            point[place] = value
    return point


def grid_points(space: Mapping[str, Domain]) -> Iterator[Point]:
    """Yield each point of a space of finite domains once, the last domain changing fastest."""
    conditional = any(domain.when for domain in space.values())
    drawn: set[str] = set()
    for values in product(*(domain.args for domain in space.values())):
        whole = dict(zip(space, values, strict=True))
        point: Point = {}
        for place, domain in space.items():
            if domain.active(point):
                point[place] = whole[place]
        name = canonical(point) if conditional else ""
        if name not in drawn or not conditional:
            drawn.add(name)
            yield point
