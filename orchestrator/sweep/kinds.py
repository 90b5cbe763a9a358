"""The kinds of domains: how each draws a value, and which arguments are valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Kind:
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
