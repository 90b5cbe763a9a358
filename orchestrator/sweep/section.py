"""The sections of a sweep file as parts of a trial: fixed values, or with a space to search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal

from orchestrator.errors import RepertoireError
from orchestrator.hashing import canonical_json, to_json
from orchestrator.stages.code.components import Component, create_component, find_class
from orchestrator.stages.code.source import Source
from orchestrator.stages.learning.training import Training
from orchestrator.sweep.decoding import abbreviate, decode, expand_grids, locate_errors
from orchestrator.sweep.nesting import field_name, split_fields, with_values
from orchestrator.sweep.spaces import Domain, Point, select_active

Section = Literal["benchmark", "network", "training", "method"]


class InfeasiblePoint(RepertoireError):
    """A point of a space that is no valid trial, although each of its values may be valid."""


@dataclass(frozen=True)
class Form:
    """The form of a section.

    Attributes:
        section: the part of a trial.
        where: its place in the file.
        kind: the dataclass of its fields.
        wrap: turns an instance of `kind` into the part of a trial; raises ValueError if it cannot.
    """

    section: Section
    where: str
    kind: type[Any]
    wrap: Callable[[Any], Any] = lambda instance: instance


@dataclass(frozen=True, eq=False)
class Part:
    """One section of a trial: a benchmark, a network, a training or a method.

    Attributes:
        constants: field -> value, JSON types.
        space: place ("method.lam") -> domain, of the fields that are searched.
        given: the whole section as in the file, grids included.
        examples: instances at some points, to be checked before anything runs; empty if the part
            has mistakes.
    """

    form: Form
    constants: Mapping[str, Any]
    space: Mapping[str, Domain]
    given: Mapping[str, Any]
    examples: tuple[Any, ...] = ()

    def build(self, point: Mapping[str, Any]) -> Any:
        """Return the part of a trial at a point of the space; other places are ignored.

        Raises:
            InfeasiblePoint: the values do not go together.
        """
        values = {field_name(place): point[place] for place in self.space if place in point}
        mistakes: list[str] = []
        part = create_part(self.form, with_values(self.constants, values), mistakes)
        if part is None:
            raise InfeasiblePoint("; ".join(mistakes))
        return part

    def describe(self) -> str:
        """Return the same text for the same part; it must have examples."""
        space = {place: domain.describe() for place, domain in self.space.items()}
        example = self.examples[0]
        own = isinstance(example, Component | Training)
        fixed = example.describe() if own else to_json(example)
        return canonical_json([fixed, to_json(space)])


def create_part(
    form: Form,
    given: Mapping[str, Any],
    mistakes: list[str],
    absent: frozenset[str] = frozenset(),
) -> Any | None:
    """Return the part of a trial with the given fields, or None after noting the mistakes."""
    instance = decode(form.kind, given, form.where, mistakes, absent)
    if instance is None:
        return None
    try:
        return form.wrap(instance)
    except ValueError as error:
        names = [field.name for field in fields(form.kind)]
        mistakes.extend(line for _, line in locate_errors(str(error), "", names, form.where))
        return None


def read_component(
    kind: Literal["method", "network"],
    where: str,
    given: Any,
    source: Source,
    mistakes: list[str],
    grids: bool,
) -> list[Part]:
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
        unknown = Form(kind, where, object)
        _, space = split_fields(kind, where, options, mistakes)
        return [Part(unknown, {}, space, options)]
    wrap = partial(create_component, kind, name, source=source)
    return read_section(Form(kind, where, config, wrap), options, mistakes, grids)


def read_section(
    form: Form,
    given: Mapping[str, Any],
    mistakes: list[str],
    grids: bool = False,
    absent: frozenset[str] = frozenset(),
) -> list[Part]:
    """Return the parts of a section, one for each point of its grids.

    Args:
        form: the form of the section.
        given: field -> value, or grid, or domain.
        mistakes: receives the mistakes, each in a line.
        grids: whether grids are domains, to be searched rather than compared.
        absent: fields that were removed as mistakes before.
    """
    parts: dict[str, Part] = {}
    for point in [dict(given)] if grids else expand_grids(given, form.where, mistakes):
        part = _read_part(form, point, given, mistakes, absent)
        name = part.describe() if part.examples else repr(point)
        if parts.setdefault(name, part) is not part:
            mistakes.append(f"{form.where}: its grids give {abbreviate(point)} twice")
    return list(parts.values())


def _read_part(
    form: Form,
    point: Mapping[str, Any],
    given: Mapping[str, Any],
    mistakes: list[str],
    absent: frozenset[str],
) -> Part:
    """Return the part at one point of the grids, without examples after noting mistakes."""
    constants, space = split_fields(form.section, form.where, point, mistakes)
    # Fields whose grid or domain is wrong; a mistake that follows from their absence is none.
    absent |= given.keys() - constants.keys() - set(map(field_name, space))
    examples = []
    for values in example_points(space):
        given_values = {field_name(place): v for place, v in values.items()}
        example = create_part(form, with_values(constants, given_values), mistakes, absent)
        if example is not None:
            examples.append(example)
    return Part(form, constants, space, given, tuple(examples))


def example_points(space: Mapping[str, Domain]) -> Iterator[Point]:
    """Yield points with each representative value of each domain, the others at their first."""
    first = {place: domain.representatives()[0] for place, domain in space.items()}
    yield select_active(space, first)
    for place, domain in space.items():
        for value in domain.representatives()[1:]:
            yield select_active(space, {**first, place: value})
