"""The points of the grids in a section, such as `{grid: [1, 2]}`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

from orchestrator.sweep.reading.mistakes import abbreviate

MAX_CONFIGURATIONS = 1_000_000  # of a sweep; the benchmarks of this project have 100,000


def expand_grids(given: Mapping[str, Any], where: str, mistakes: list[str]) -> list[dict[str, Any]]:
    """Return every combination of the values under `{grid: [...]}`; one point if there is no grid.

    A key whose grid is wrong is left out.
    """
    axes: dict[str, list[Any]] = {}
    for key, value in given.items():
        if not (isinstance(value, dict) and "grid" in value):
            nested = isinstance(value, dict)
            axes[key] = expand_grids(value, f"{where}.{key}", mistakes) if nested else [value]
            continue
        values = value["grid"]
        if set(value) != {"grid"} or not isinstance(values, list) or not values:
            mistakes.append(
                f"{where}.{key}: a grid is a list of at least one value, given {abbreviate(value)}"
            )
        else:
            axes[key] = values
    count = prod(map(len, axes.values()))
    if count > MAX_CONFIGURATIONS:
        mistakes.append(excess_text(f"{where}: its grids have", count))
        axes = {key: values[:1] for key, values in axes.items()}
    return [dict(zip(axes, point, strict=True)) for point in product(*axes.values())]


def excess_text(what: str, count: int) -> str:
    """Return the mistake of a sweep that has more configurations than can be planned."""
    most = f"{MAX_CONFIGURATIONS:,} of one sweep"
    return (
        f"{what} {count:,} combinations; valid: at most {most}; leave out values, or draw from "
        "domains by a search"
    )
