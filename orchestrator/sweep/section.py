"""The sections of a sweep file as parts of a trial: fixed values, or with a space to search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from orchestrator.errors import RepertoireError
from orchestrator.hashing import canonical_json, to_json
from orchestrator.stages.code.components import Component
from orchestrator.stages.learning.training import Training
from orchestrator.sweep.reading.decoding import decode_fields
from orchestrator.sweep.reading.mistakes import locate_errors
from orchestrator.sweep.spaces.domains import Domain
from orchestrator.sweep.spaces.nesting import field_name, with_values

Section = Literal["benchmark", "network", "training", "method"]


class InfeasiblePoint(RepertoireError):
    """A point of a space that is no valid trial, although each of its values may be valid."""


@dataclass(frozen=True)
class SectionForm:
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
class SectionContent:
    """One section of a trial: a benchmark, a network, a training or a method.

    Attributes:
        constants: field -> value, JSON types.
        space: place ("method.lam") -> domain, of the fields that are searched.
        given: the whole section as in the file, grids included.
        examples: instances at some points, to be checked before anything runs; empty if the part
            has mistakes.
        label: the name that the file gives it for a reader.
    """

    form: SectionForm
    constants: Mapping[str, Any]
    space: Mapping[str, Domain]
    given: Mapping[str, Any]
    examples: tuple[Any, ...] = ()
    label: str = ""

    def build(self, point: Mapping[str, Any]) -> Any:
        """Return the part of a trial at a point of the space; other places are ignored.

        Raises:
            InfeasiblePoint: the values do not go together.
        """
        values = {field_name(place): point[place] for place in self.space if place in point}
        mistakes: list[str] = []
        part = create_content(self.form, with_values(self.constants, values), mistakes)
        if part is None:
            raise InfeasiblePoint("; ".join(mistakes))
        return part

    @cached_property
    def description(self) -> str:
        """The same text for the same part; it must have examples."""
        space = {place: domain.describe() for place, domain in self.space.items()}
        example = self.examples[0]
        own = isinstance(example, Component | Training)
        fixed = example.describe() if own else to_json(example)
        return canonical_json([fixed, to_json(space)])


def create_content(
    form: SectionForm,
    given: Mapping[str, Any],
    mistakes: list[str],
    absent: frozenset[str] = frozenset(),
) -> Any | None:
    """Return the part of a trial with the given fields, or None after noting the mistakes."""
    instance = decode_fields(form.kind, given, form.where, mistakes, absent)
    if instance is None:
        return None
    try:
        return form.wrap(instance)
    except ValueError as error:
        names = [field.name for field in fields(form.kind)]
        mistakes.extend(line for _, line in locate_errors(str(error), "", names, form.where))
        return None
