"""Options that only a whole sweep can check, such as those of a schedule: their rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from docs.site.fields import Field, fields_table, general_rule, read_fields, wrong_values
from docs.site.key_effects import key_effects, stage_keys, with_section
from orchestrator.errors import SweepError
from orchestrator.sweep.schema.dataclass_schema import fields_schema

# What the options of a kind cannot be without.
REQUIRED: Mapping[str, Mapping[str, Any]] = {"multistep": {"milestones": [1]}}
# What the type of a key says already.
TYPES = ("a finite number", "a whole number", "text")


def nested_table(section: str, cls: type[Any], kind: str = "") -> str:
    """Return the table of the options of a section, tried in a sweep.

    Args:
        section: "schedule", "augment", "early_stopping" or "search".
        cls: the class of the options.
        kind: the name that they belong to, if there are several.
    """
    given = {"name": kind, **REQUIRED.get(kind, {})} if kind else {}
    schemas = fields_schema(cls)["properties"]
    rows = tried_fields(section, read_fields(cls), schemas, given)
    return fields_table(rows, key_effects(section, schemas, given))


def tried_fields(
    section: str,
    rows: list[Field],
    schemas: Mapping[str, Any],
    given: Mapping[str, Any] = MappingProxyType({}),
) -> list[Field]:
    """Return rows with what a sweep with wrong values of their keys says is valid."""
    return [
        replace(row, valid=row.valid or valid_in_sweep(section, row.name, schemas[row.name], given))
        for row in rows
    ]


def valid_in_sweep(
    section: str, name: str, schema: Mapping[str, Any], given: Mapping[str, Any]
) -> str:
    """Return what a sweep with wrong values of a key says is valid."""
    said = [
        general_rule(valid)
        for value in wrong_values(schema)
        for valid in _complaints(section, name, {**given, name: value})
    ]
    return "; ".join(valid for valid in dict.fromkeys(said) if valid not in TYPES)


def _complaints(section: str, name: str, values: Mapping[str, Any]) -> Iterator[str]:
    try:
        stage_keys(with_section(section, values))
    except SweepError as error:
        for mistake in error.mistakes:
            yield from re.findall(rf"\.{name}: must be (.+?), given", mistake)
