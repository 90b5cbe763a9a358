"""Options with a name and options of their own, and their paths: `schedule.gamma` in `training`.

A value at a path replaces one option and leaves the others. A name alone, `schedule: cosine`, is
the mapping with that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from orchestrator.stages.learning.parameter_groups import GROUPS
from orchestrator.sweep.spaces.domains import is_domain

Instance = TypeVar("Instance")

OPTIONS = ("optimizer", "schedule", "lr", "early_stopping")
# Fields of `training` that have options of their own.
NESTED = frozenset({*(f"training.{name}" for name in OPTIONS), "benchmark.order"})
# Options of an optimiser that are fields of the training.
LIFTED = {f"training.optimizer.{name}": f"training.{name}" for name in ("momentum", "weight_decay")}


def canonical_place(place: str) -> str:
    """Return the canonical place of a hyperparameter that has two places."""
    return LIFTED.get(place, place)


def is_known_place(place: str, fields: set[str]) -> bool:
    """Return whether a place is a field, or an option of a field that has options."""
    return place in fields or place.rpartition(".")[0] in NESTED


def with_values(fields: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of fields with the values at some paths."""
    result = dict(fields)
    for path, value in values.items():
        name, _, option = path.partition(".")
        result[name] = {**as_mapping(result.get(name, {})), option: value} if option else value
    return result


def as_mapping(value: Any) -> dict[str, Any]:
    """Return an option as a mapping; a name is short for its mapping, a rate for both rates."""
    if isinstance(value, str):
        return {"name": value}
    return dict.fromkeys(GROUPS, value) if isinstance(value, int | float) else dict(value or {})


def replace_values(instance: Instance, values: Mapping[str, Any]) -> Instance:
    """Return a copy of a dataclass with the values at some paths."""
    names = {path.partition(".")[0] for path in values}
    fields = {name: getattr(instance, name) for name in names}
    return replace(instance, **with_values(fields, values))  # type: ignore[type-var]


def value_at(instance: object, path: str) -> Any:
    """Return the value of a dataclass at a path; None if the option is not given."""
    name, _, option = path.partition(".")
    value = getattr(instance, name)
    return as_mapping(value).get(option) if option else value


def find_spaces(given: Mapping[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the value of each space or grid, those of options included."""
    for name, value in given.items():
        if is_domain(value):
            yield f"{where}.{name}", value
        elif isinstance(value, dict):
            yield from find_spaces(value, f"{where}.{name}")


def field_name(place: str) -> str:
    """Return the field of a place: "lam" of "method.lam"."""
    return place.partition(".")[2]
