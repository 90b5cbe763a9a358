"""The sections of a sweep file as parts of a trial: fixed values, or with a space to search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from orchestrator.errors import RepertoireError, suggest
from orchestrator.hashing import canonical, plain
from orchestrator.stages.components import component, find
from orchestrator.stages.source import Source
from orchestrator.sweep.decoding import abbreviate, decode, expand_grids
from orchestrator.sweep.spaces import Domain, Point, is_domain, read_domain, select_active

Section = Literal["benchmark", "network", "training", "method"]


class Infeasible(RepertoireError):
    """A point of a space that is no valid trial, although each of its values may be valid."""


@dataclass(frozen=True)
class Form:
    """The form of a section.

    Attributes:
        section: the part of a trial.
        where: its place in the file.
        kind: the dataclass of its fields.
        wrap: turns an instance of `kind` into the part of a trial.
    """

    section: Section
    where: str
    kind: type[Any]
    wrap: Callable[[Any], Any] = lambda instance: instance


@dataclass(frozen=True, eq=False)
class Part:
    """One section of a trial: a benchmark, a network, how it is trained, or a method.

    Attributes:
        constants: field -> value, JSON types.
        space: place ("method.lam") -> domain, of the fields that are searched.
        examples: instances at some points, which are checked before anything runs; empty if the
            part has mistakes.
        given: the whole section as the file gives it, grids included.
    """

    form: Form
    constants: Mapping[str, Any]
    space: Mapping[str, Domain]
    examples: tuple[Any, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    def build(self, point: Mapping[str, Any]) -> Any:
        """Return the part of a trial at a point of the space; other places are ignored.

        Raises:
            Infeasible: the values do not go together.
        """
        mistakes: list[str] = []
        instance = self._build(point, mistakes)
        if instance is None:
            raise Infeasible("; ".join(mistakes))
        return instance

    def _build(self, point: Mapping[str, Any], mistakes: list[str]) -> Any | None:
        drawn = {field_of(place): point[place] for place in self.space if place in point}
        instance = decode(self.form.kind, {**self.constants, **drawn}, self.form.where, mistakes)
        return None if instance is None else self.form.wrap(instance)

    def build_examples(self, mistakes: list[str]) -> tuple[Any, ...]:
        """Return instances at points that vary one place at a time, noting the mistakes there."""
        instance = (self._build(point, mistakes) for point in varied_points(self.space))
        return tuple(each for each in instance if each is not None)


def field_of(place: str) -> str:
    """Return the field of "method.lam": lam."""
    return place.partition(".")[2]


def varied_points(space: Mapping[str, Domain]) -> Iterator[Point]:
    """Yield points with each representative value of each domain, the others at their first."""
    first = {place: domain.representatives()[0] for place, domain in space.items()}
    yield select_active(space, first)
    for place, domain in space.items():
        for value in domain.representatives()[1:]:
            yield select_active(space, {**first, place: value})


def read_section(
    form: Form, given: Mapping[str, Any], mistakes: list[str], grids: bool = False
) -> list[Part]:
    """Return the parts of a section, one for each point of its grids.

    Args:
        form: the form of the section.
        given: field -> value, or grid, or domain.
        mistakes: receives the mistakes, each in a line.
        grids: grids are domains, to be searched rather than compared.
    """
    parts: dict[str, Part] = {}
    for point in [dict(given)] if grids else expand_grids(given, form.where, mistakes):
        part = replace(_part(form, point, mistakes, frozenset(given)), given=given)
        if parts.setdefault(_identity(part, point), part) is not part:
            mistakes.append(f"{form.where}: its grids give {abbreviate(point)} twice")
    return list(parts.values())


def _part(form: Form, point: Mapping[str, Any], mistakes: list[str], names: frozenset[str]) -> Part:
    """Return the part at one point of the grids, without examples after noting mistakes."""
    constants = {name: value for name, value in point.items() if not is_domain(value)}
    space = _space(form, point, mistakes)
    if space:
        part = Part(form, constants, space)
        examples = part.build_examples(mistakes)
    else:
        instance = decode(form.kind, constants, form.where, mistakes, names - constants.keys())
        examples = () if instance is None else (form.wrap(instance),)
    return Part(form, constants, space, examples)


def _identity(part: Part, point: Mapping[str, Any]) -> str:
    if not part.examples:
        return repr(point)
    drawn = {place: domain.describe() for place, domain in part.space.items()}
    first = part.examples[0]
    return canonical([plain(getattr(first, "config", first)), plain(drawn)])


def _space(form: Form, point: Mapping[str, Any], mistakes: list[str]) -> dict[str, Domain]:
    """Return the domains among the values of a section, by place."""
    space: dict[str, Domain] = {}
    for name, value in point.items():
        domain = read_domain(value, f"{form.where}.{name}", mistakes) if is_domain(value) else None
        if domain is None:
            continue
        above = {field_of(place): other for place, other in space.items()}
        place = f"{form.where}.{name}.when"
        mistakes.extend(f"{place}: {line}" for line in _impossible_conditions(domain, above))
        when = tuple((f"{form.section}.{other}", values) for other, values in domain.when)
        space[f"{form.section}.{name}"] = Domain(domain.kind, domain.args, when)
    return space


def _impossible_conditions(domain: Domain, above: Mapping[str, Domain]) -> Iterator[str]:
    """Yield why the condition of a domain never holds, given the earlier domains by field."""
    for name, values in domain.when:
        if name not in above:
            valid = suggest(name, above) if above else "there is none"
            yield f"{name!r} is no space of this section above it; {valid}"
            continue
        known = above[name].args
        if above[name].finite and not any(value in known for value in values):
            given = " or ".join(map(abbreviate, values))
            yield f"{name!r} is never {given}; valid: {abbreviate(known)}"


@dataclass(frozen=True)
class ComponentEntry:
    """The place of a method or a network in a file, and the own code that may define it."""

    kind: Literal["method", "network"]
    where: str
    source: Source


def read_component(
    place: ComponentEntry, given: Any, mistakes: list[str], grids: bool
) -> list[Part]:
    """Return the parts of a method or network, given as a name or a mapping with a name."""
    kind, where, source = place.kind, place.where, place.source
    mapping = {"name": given} if isinstance(given, str) else given
    name = mapping.get("name") if isinstance(mapping, dict) else None
    if not isinstance(name, str):
        valid = "a name, or keys and values with a name"
        mistakes.append(f"{where}: must be {valid}, given {abbreviate(given)}")
        return []
    rest = {key: value for key, value in mapping.items() if key != "name"}
    try:
        config = find(kind, name, source).Config
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        unknown = Form(kind, where, object)
        return [Part(unknown, {}, _space(unknown, rest, mistakes), given=rest)]
    wrap = partial(component, kind, name, source=source)
    return read_section(Form(kind, where, config, wrap), rest, mistakes, grids)
