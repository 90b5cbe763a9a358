"""The JSON Schema of what a file gives by a name, alone or with options of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.sweep.schema.dataclass_schema import Schema, combine_schemas, fields_schema

# `module:Class` of the user's own, and networks of a library, `timm:NAME`.
DOTTED: Schema = {"type": "string", "pattern": r"^[^:\s]+:[^:\s]+$"}


def name_schema(names: Mapping[str, object], dotted: bool = True) -> Schema:
    """Return the schema of a name of a table, or of a class or function of the user's own."""
    table: Schema = {"enum": [*names]}
    return combine_schemas(table, DOTTED) if dotted else table


def named_schema(
    kinds: Mapping[str, Schema], dotted: bool = True, nameless: Schema | None = None
) -> Schema:
    """Return the schema of a name, or of a mapping with a name and the options of that name.

    Args:
        kinds: name -> schema of its options, a mapping.
        dotted: whether a class of the user's own may be named, with any options.
        nameless: of a mapping without a name; None: it needs one.
    """
    names = name_schema(kinds, dotted)
    options = [
        {"if": {"properties": {"name": {"const": name}}, "required": ["name"]}, "then": schema}
        for name, schema in kinds.items()
    ]
    mapping: Schema = {"type": "object", "properties": {"name": names}, "allOf": options}
    if nameless is None:
        mapping["required"] = ["name"]
    else:
        options.append({"if": {"not": {"required": ["name"]}}, "then": nameless})
    return combine_schemas(names, mapping)


def options_schema(
    config: type[Any],
    special: Mapping[str, Schema] | None = None,
    more: Mapping[str, Schema] | None = None,
    searchable: bool = True,
) -> Schema:
    """Return the schema of a mapping with a name and the fields of a dataclass.

    Args:
        config: the dataclass.
        special: schemas of fields whose form in a file is not that of their type.
        more: further keys.
        searchable: whether a grid or a space may stand for a value.
    """
    schema = fields_schema(config, special, searchable)
    schema["properties"] = {"name": {"type": "string"}, **schema["properties"], **(more or {})}
    return schema


def any_fields(kinds: Mapping[str, type[Any]]) -> Schema:
    """Return the schema of options of any of some dataclasses, without a name."""
    properties: Schema = {}
    for kind in kinds.values():
        properties |= fields_schema(kind, searchable=True)["properties"]
    return {"type": "object", "properties": properties, "additionalProperties": False}
