"""Reads a section of a sweep file into its parts, one for each point of its grids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

from orchestrator.errors import RepertoireError
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.code.source import Source
from orchestrator.sweep.reading.grids import expand_grids
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.section import SectionContent, SectionForm, create_content
from orchestrator.sweep.spaces.domains import Domain, Point, select_active
from orchestrator.sweep.spaces.nesting import field_name, with_values
from orchestrator.sweep.spaces.split_fields import split_fields


def read_component(
    kind: Literal["method", "network"],
    where: str,
    given: Any,
    source: Source,
    mistakes: list[str],
    grids: bool,
) -> list[SectionContent]:
    """Return the parts of a method or network, given as a name or a mapping with a name.

    Args:
        kind: which of the two.
        where: place in the file, for messages.
        given: the entry of the file.
        source: the user's own code, which may define the class.
        mistakes: receives the mistakes, each in a line.
        grids: whether grids are domains, to be searched rather than compared.
    """
    mapping = {"name": given} if isinstance(given, str) else given
    name = mapping.get("name") if isinstance(mapping, dict) else None
    if not isinstance(name, str):
        valid = "a name, or keys and values with a name"
        mistakes.append(f"{where}: must be {valid}, given {abbreviate(given)}")
        return []
    options = {key: value for key, value in mapping.items() if key != "name"}
    try:
        config = find_class(kind, name, source).Config
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        # With its spaces, so that the search is not told that there is nothing to search.
        unknown = SectionForm(kind, where, object)
        _, space = split_fields(kind, where, options, mistakes)
        return [SectionContent(unknown, {}, space, options)]
    wrap = partial(create_component, kind, name, source=source)
    return read_section(SectionForm(kind, where, config, wrap), options, mistakes, grids)


def read_section(
    form: SectionForm,
    given: Mapping[str, Any],
    mistakes: list[str],
    grids: bool = False,
    absent: frozenset[str] = frozenset(),
) -> list[SectionContent]:
    """Return the parts of a section, one for each point of its grids.

    Args:
        form: the form of the section.
        given: field -> value, or grid, or domain.
        mistakes: receives the mistakes, each in a line.
        grids: whether grids are domains, to be searched rather than compared.
        absent: fields that were removed as mistakes before.
    """
    parts: dict[str, SectionContent] = {}
    for point in [dict(given)] if grids else expand_grids(given, form.where, mistakes):
        part = _read_part(form, point, given, mistakes, absent)
        name = part.description if part.examples else repr(point)
        # Equal parts would be two trials of one id.
        if parts.setdefault(name, part) is not part:
            mistakes.append(f"{form.where}: its grids give {abbreviate(point)} twice")
    return list(parts.values())


def _read_part(
    form: SectionForm,
    point: Mapping[str, Any],
    given: Mapping[str, Any],
    mistakes: list[str],
    absent: frozenset[str],
) -> SectionContent:
    """Return the part at one point of the grids, without examples after noting mistakes."""
    constants, space = split_fields(form.section, form.where, point, mistakes)
    # Fields whose grid or domain is wrong; a mistake that follows from their absence is none.
    absent |= given.keys() - constants.keys() - set(map(field_name, space))
    examples = []
    for values in example_points(space):
        given_values = {field_name(place): v for place, v in values.items()}
        example = create_content(form, with_values(constants, given_values), mistakes, absent)
        if example is not None:
            examples.append(example)
    return SectionContent(form, constants, space, given, tuple(examples))


def example_points(space: Mapping[str, Domain]) -> Iterator[Point]:
    """Yield points with each representative value of each domain, the others at their first."""
    first = {place: domain.representatives()[0] for place, domain in space.items()}
    yield select_active(space, first)
    for place, domain in space.items():
        for value in domain.representatives()[1:]:
            yield select_active(space, {**first, place: value})
