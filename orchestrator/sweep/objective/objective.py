"""The objective of a search: one metric or several, each to be maximised or minimised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.sweep.objective.expression import parse_expression
from orchestrator.sweep.objective.objective_text import Mode, parse_metrics, parse_modes
from orchestrator.sweep.objective.plausible_figures import plausible_figures

Values = tuple[float, ...]

TRIALS = 1000  # sets of figures that an objective is tried on


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
        metrics = parse_metrics(metric, f"{where}.metric", mistakes)
        modes = parse_modes(mode, metrics, f"{where}.mode", mistakes)
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
        """Return the reason that the value of these figures is None; "" if it is not."""
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
        return any(self.value(figures) is not None for figures in plausible_figures(TRIALS))

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


def as_number(figure: float | None) -> float:
    """Return a figure as a float, NaN where there is none."""
    return math.nan if figure is None else float(figure)


def _dominates(a: Values, b: Values) -> bool:
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))
