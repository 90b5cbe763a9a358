"""The objective of a search: one metric or several, each to be maximised or minimised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.columns import is_small_better
from orchestrator.errors import suggest
from orchestrator.sweep.expression import COSTS, FIGURES, QUALITIES, parse_expression

Mode = Literal["max", "min"]
Values = tuple[float, ...]

TRIALS = 200  # sets of figures that an objective is tried on
MODES: dict[str, Mode] = {"max": "max", "min": "min"}


@dataclass(frozen=True)
class Objective:
    """One metric or several, each with its mode.

    Figures are those of the validation split over the tasks learned so far, and of such costs as a
    rerun repeats exactly: bytes, FLOPs and examples, not seconds.

    Attributes:
        metrics: figures, or arithmetic on them, as the sweep gives them.
        modes: "max" or "min" for each.
    """

    metrics: tuple[str, ...]
    modes: tuple[Mode, ...]

    @staticmethod
    def parse(
        metric: str | list[str], mode: str | list[str] | None, where: str, mistakes: list[str]
    ) -> Objective | None:
        """Return the objective of a sweep, or None after noting the mistakes.

        Args:
            metric: one expression, or a list of them for several objectives.
            mode: "max" or "min", or a list with one for each metric. None is the usual direction:
                a cost or forgetting by itself is made small, all else large.
            where: the section of the file that holds `metric` and `mode`, for messages.
            mistakes: receives the mistakes, each in a line.
        """
        before = len(mistakes)
        metrics = _parse_metrics(metric, f"{where}.metric", mistakes)
        modes = _parse_modes(mode, metrics, f"{where}.mode", mistakes)
        if len(mistakes) > before:
            return None
        never = [text for text in metrics if not Objective((text,), ("max",)).is_definable()]
        mistakes.extend(f"{where}.metric: {text!r} is undefined for all figures" for text in never)
        return None if never else Objective(metrics, modes)

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that are used, each once, in the order of the metrics."""
        names = (name for metric in self.metrics for name in parse_expression(metric).names)
        return tuple(dict.fromkeys(names))

    def value(self, figures: Mapping[str, float | None]) -> Values | None:
        """Return each metric's value; None if one is undefined or not finite.

        Args:
            figures: name -> value; what is absent, None or NaN is undefined.
        """
        values = tuple(_value(metric, self._select_figures(figures)) for metric in self.metrics)
        return values if all(isinstance(value, float) for value in values) else None  # type: ignore[return-value]

    def explain_undefined(self, figures: Mapping[str, float | None]) -> str:
        """Return why the value of these figures is None, empty if it is not."""
        used = self._select_figures(figures)
        for metric in self.metrics:
            why = _value(metric, used)
            if isinstance(why, str):
                names = parse_expression(metric).names
                given = ", ".join(f"{name} = {used[name]:.6g}" for name in names)
                return f"{metric!r} is undefined ({why}) where {given}"
        return ""

    def is_definable(self) -> bool:
        """Return whether some of many plausible figures have a value."""
        return any(self.value(_plausible_figures(number)) is not None for number in range(TRIALS))

    def _select_figures(self, figures: Mapping[str, float | None]) -> dict[str, float]:
        return {name: as_number(figures.get(name)) for name in self.names}

    def key(self, values: Values) -> Values:
        """Return values to sort by: in each place, larger is better."""
        pairs = zip(values, self.modes, strict=True)
        return tuple(value if mode == "max" else -value for value, mode in pairs)

    def dominates(self, a: Values, b: Values) -> bool:
        """Return whether `a` is nowhere worse than `b`, and somewhere better."""
        return _dominates(self.key(a), self.key(b))

    def front(self, points: Sequence[Values | None]) -> list[int]:
        """Return the places of the points that no other dominates, ascending: the Pareto front.

        Equal points are on it together; None (undefined) never is.

        Reference: Kung, Luccio and Preparata, 1975, On Finding the Maxima of a Set of Vectors:
        sorted by the first coordinate, a point is dominated only by points before it.
        """
        keys = {i: self.key(point) for i, point in enumerate(points) if point is not None}
        front: list[int] = []
        for i in sorted(keys, key=keys.__getitem__, reverse=True):
            if not any(_dominates(keys[j], keys[i]) for j in front):
                front.append(i)
        return sorted(front)


def _value(metric: str, figures: Mapping[str, float]) -> float | str:
    """Return a metric's value, or why it has none."""
    expression = parse_expression(metric)
    # Looked at beforehand: max(nan, 0) is one or the other by the order of its arguments.
    lacking = [name for name in expression.names if not math.isfinite(figures[name])]
    if lacking:
        return f"there is no {lacking[0]}"
    try:
        value = float(expression.term(figures))
    except (ValueError, ZeroDivisionError, OverflowError) as error:  # log10(0), 1/0, exp(1000)
        return str(error)
    return value if math.isfinite(value) else "it is not finite"


def _plausible_figures(number: int) -> dict[str, float]:
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


def as_number(figure: float | None) -> float:
    """Return a figure as a float, NaN where there is none."""
    return math.nan if figure is None else float(figure)


def _dominates(a: Values, b: Values) -> bool:
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


def _parse_metrics(metric: str | list[str], where: str, mistakes: list[str]) -> tuple[str, ...]:
    one = isinstance(metric, str)
    # A long expression may be folded over lines of the file.
    metrics = [" ".join(text.split()) for text in ([metric] if isinstance(metric, str) else metric)]
    for i, text in enumerate(metrics):
        place = where if one else f"{where}[{i}]"
        mistakes.extend(f"{place}: {line}" for line in parse_expression(text).mistakes)
        if text in metrics[:i]:
            mistakes.append(f"{place}: {text!r} is named twice")
    if not metrics:
        mistakes.append(f"{where}: a list of at least one metric is needed, given []")
    return tuple(metrics)


def _parse_modes(
    mode: str | list[str] | None, metrics: tuple[str, ...], where: str, mistakes: list[str]
) -> tuple[Mode, ...]:
    if mode is None:
        names = [text.strip("() ") for text in metrics]
        small = [name in FIGURES and is_small_better(name) for name in names]
        return tuple("min" if less else "max" for less in small)
    given = [mode] if isinstance(mode, str) else mode
    mistakes.extend(
        f"{where}: must be max or min, given {each!r}; {suggest(each, MODES)}"
        for each in given
        if each not in MODES
    )
    if len(given) != len(metrics):
        count = "the metric" if len(metrics) == 1 else f"each of {len(metrics)} metrics"
        mistakes.append(f"{where}: give a mode for {count}, as a list, given {given}")
    return tuple(MODES[each] for each in given if each in MODES)
