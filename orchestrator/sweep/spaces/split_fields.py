"""The constants and the domains of a section, and the conditions of its domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.errors import suggest
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.spaces.domains import Domain, is_domain, read_domain
from orchestrator.sweep.spaces.nesting import canonical_place, field_name


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
    # Only domains above it in the file, since a point is drawn in this order.
    earlier = {field_name(place): other for place, other in space.items()}
    known = {name: space[place] for name, place in places.items() if place in space}
    objections = _check_condition(domain, {**earlier, **known})
    mistakes.extend(f"{where}.when: {line}" for line in objections)
    return replace(domain, when=tuple((places[name], values) for name, values in domain.when))


def _check_condition(domain: Domain, earlier: Mapping[str, Domain]) -> Iterator[str]:
    """Yield a mistake if the condition of a domain never holds, given the earlier domains."""
    for name, values in domain.when:
        if name not in earlier:
            valid = suggest(name, earlier) if earlier else "there is none"
            yield f"{name!r} is no space of this section above it; {valid}"
            continue
        known = earlier[name].args
        if earlier[name].is_finite and not any(value in known for value in values):
            given = " or ".join(map(abbreviate, values))
            yield f"{name!r} is never {given}; valid: {abbreviate(known)}"
