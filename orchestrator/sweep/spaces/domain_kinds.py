"""The kinds of domains: how each draws a value, and what is wrong with its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DomainKind:
    """A kind of domain.

    Attributes:
        draw: draws a value.
        objection: returns what is wrong with the arguments, or None.
        ends: returns the least and the greatest value, of the type that is drawn.
        finite: whether the arguments are the values.
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
    if not all(type(arg) is int for arg in args):
        return "needs [low, high], whole numbers"
    return _check_range(args, positive=positive)


def _check_list(args: Sequence[Any]) -> str | None:
    if not args:
        return "is a list of at least one value"
    repeated = [arg for i, arg in enumerate(args) if arg in args[:i]]
    return f"names {repeated[0]!r} twice" if repeated else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _draw_log_integer(random: np.random.Generator, args: Sequence[Any]) -> int:
    # Each whole number covers half the distance to its neighbours.
    value = exp(random.uniform(log(args[0] - 0.5), log(args[1] + 0.5)))
    # exp and log round, so a draw at an end may leave the range.
    return int(min(max(round(value), args[0]), args[1]))


def count_steps(args: Sequence[Any]) -> int:
    """Return the number of steps above low in [low, high, step]."""
    low, high, step = args
    # (0.7 - 0.1) / 0.1 is 5.999999999999999 in floats.
    return int((high - low) / step + 1e-9)


def value_at_step(args: Sequence[Any], number: int) -> int | float:
    """Return low + number * step; an int if low and step are."""
    value = args[0] + args[2] * number
    # 0.1 + 0.1 * 2 is 0.30000000000000004; rounded, it is the 0.3 that a grid would list.
    return value if isinstance(value, int) else float(round(value, 12))


def _to_floats(args: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(arg) for arg in args)


_FINITE = DomainKind(
    lambda random, args: args[int(random.integers(len(args)))], _check_list, finite=True
)
KINDS: dict[str, DomainKind] = {
    "grid": _FINITE,
    "choice": _FINITE,
    "uniform": DomainKind(
        lambda random, args: float(random.uniform(*args)), _check_range, _to_floats
    ),
    "loguniform": DomainKind(
        lambda random, args: float(exp(random.uniform(log(args[0]), log(args[1])))),
        lambda args: _check_range(args, positive=True),
        _to_floats,
    ),
    "randint": DomainKind(
        lambda random, args: int(random.integers(args[0], args[1] + 1)), _check_whole
    ),
    "lograndint": DomainKind(_draw_log_integer, lambda args: _check_whole(args, positive=True)),
    "quniform": DomainKind(
        lambda random, args: value_at_step(args, random.integers(count_steps(args) + 1).item()),
        lambda args: _check_range(args, count=3),
        lambda args: (value_at_step(args, 0), value_at_step(args, count_steps(args))),
    ),
}
