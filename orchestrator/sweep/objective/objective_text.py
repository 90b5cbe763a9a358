"""The metrics and modes of an objective as a sweep gives them, and the mistakes in them."""

from __future__ import annotations

from typing import Literal

from orchestrator.columns import is_small_better
from orchestrator.errors import suggest
from orchestrator.sweep.objective.expression import OBJECTIVE_NAMES, parse_expression

Mode = Literal["max", "min"]

MODES: dict[str, Mode] = {"max": "max", "min": "min"}


def parse_metrics(metric: str | list[str], where: str, mistakes: list[str]) -> tuple[str, ...]:
    """Return the expressions of an objective, after noting their mistakes."""
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


def parse_modes(
    mode: str | list[str] | None, metrics: tuple[str, ...], where: str, mistakes: list[str]
) -> tuple[Mode, ...]:
    """Return the mode of each metric, after noting mistakes; see `Objective.parse`."""
    if mode is None:
        # A figure in parentheses is still by itself.
        names = [text.strip("() ") for text in metrics]
        small = [name in OBJECTIVE_NAMES and is_small_better(name) for name in names]
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
