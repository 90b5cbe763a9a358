"""Options with a name and options of their own, and their paths: `schedule.gamma` in `training`.

A value at a path replaces one option and leaves the others. A name alone, `schedule: cosine`, is
the mapping with that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from orchestrator.errors import suggest
from orchestrator.stages.learning.parameter_groups import GROUPS
from orchestrator.sweep.decoding import abbreviate
from orchestrator.sweep.spaces import Domain, is_domain, read_domain

Instance = TypeVar("Instance")

OPTIONS = ("optimizer", "schedule", "lr", "early_stopping")
# Fields of `training` that have options of their own.
NESTED = frozenset({*(f"training.{name}" for name in OPTIONS), "benchmark.order"})
# Options of an optimiser that are fields of the training.
LIFTED = {f"training.optimizer.{name}": f"training.{name}" for name in ("momentum", "weight_decay")}


def canonical_place(place: str) -> str:
    """Return the one place of a hyperparameter that has two."""
    return LIFTED.get(place, place)


def is_known(place: str, fields: set[str]) -> bool:
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
    """Return an option as a mapping; a name alone is one with that name, a rate that of both."""
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


def split_fields(
    section: str, where: str, given: Mapping[str, Any], mistakes: list[str]
) -> tuple[dict[str, Any], dict[str, Domain]]:
    """Return the constants of a section by field, and its domains by place.

    Args:
        section: its name, with which places begin.
        where: its place in the file, for messages.
        given: field -> value or domain; a value may be a mapping that has domains.
        mistakes: receives the mistakes, each in a line.
    """
    space: dict[str, Domain] = {}
    return _split_options(section, where, given, space, mistakes), space


def _split_options(
    section: str,
    where: str,
    given: Mapping[str, Any],
    space: dict[str, Domain],
    mistakes: list[str],
) -> dict[str, Any]:
    """Return the constants among fields or their options, and add the domains to `space`."""
    constants: dict[str, Any] = {}
    for name, value in given.items():
        at, place = f"{where}.{name}", f"{section}.{name}"
        if is_domain(value):
            domain = read_domain(value, at, mistakes)
            if domain is not None:
                resolved = _resolve_condition(domain, at, place, space, mistakes)
                space[canonical_place(place)] = resolved
        elif isinstance(value, dict):
            constants[name] = _split_options(place, at, value, space, mistakes)
        else:
            constants[name] = value
    return constants


def _resolve_condition(
    domain: Domain, where: str, place: str, space: Mapping[str, Domain], mistakes: list[str]
) -> Domain:
    """Return a domain whose condition has places; note why it never holds.

    A name refers to a space beside the domain, or else to one of the section.
    """
    beside, section = place.rpartition(".")[0], place.partition(".")[0]
    names = {name: f"{beside}.{name}" for name, _ in domain.when}
    places = {k: v if v in space else f"{section}.{k}" for k, v in names.items()}
    earlier = {field_name(place): other for place, other in space.items()}
    known = {name: space[place] for name, place in places.items() if place in space}
    objections = _check_condition(domain, {**earlier, **known})
    mistakes.extend(f"{where}.when: {line}" for line in objections)
    return replace(domain, when=tuple((places[name], values) for name, values in domain.when))


def _check_condition(domain: Domain, earlier: Mapping[str, Domain]) -> Iterator[str]:
    """Yield why the condition of a domain never holds, given the earlier domains by field."""
    for name, values in domain.when:
        if name not in earlier:
            valid = suggest(name, earlier) if earlier else "there is none"
            yield f"{name!r} is no space of this section above it; {valid}"
            continue
        known = earlier[name].args
        if earlier[name].finite and not any(value in known for value in values):
            given = " or ".join(map(abbreviate, values))
            yield f"{name!r} is never {given}; valid: {abbreviate(known)}"
