"""The JSON Schema of a dataclass: its fields with types, defaults and what their docstring says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from orchestrator.sweep.spaces.domain_kinds import KINDS

Schema = dict[str, Any]
SPACE: Schema = {"$ref": "#/$defs/space"}
HEADING = re.compile(r"\s*(Attributes|Args):\s*")
# `name: text` or `name, other: text`; a longer indent continues the text of the line before.
ENTRY = re.compile(r"(\s+)(\w+(?:, \w+)*): (.*)")


def fields_schema(
    kind: type[Any],
    special: Mapping[str, Schema] | None = None,
    searchable: bool = False,
    required: bool = True,
) -> Schema:
    """Return the schema of a mapping with the fields of a dataclass, and no others.

    Args:
        kind: the dataclass.
        special: schemas of fields whose form in a file is not that of their type.
        searchable: whether a grid or a space may stand for a value.
        required: whether fields without a default must be there.
    """
    read = TypeAdapter(kind).json_schema()
    texts = dict(field_texts(kind))
    properties = {}
    for name, given in read.get("properties", {}).items():
        schema = inline(given, read.get("$defs", {}))
        notes = {key: schema.pop(key) for key in ("default",) if key in schema}
        schema = (special or {}).get(name, schema)
        notes = {key: value for key, value in notes.items() if value is not None}
        notes |= {"description": texts[name]} if name in texts else {}
        properties[name] = notes | (combine_schemas(schema, SPACE) if searchable else schema)
    result: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required and read.get("required"):
        result["required"] = read["required"]
    return result


def combine_schemas(*schemas: Schema) -> Schema:
    """Return the schema of a value that fits one of some."""
    parts: list[Schema] = []
    for schema in schemas:
        parts += schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
    return {"anyOf": parts}


def inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with what it refers to in its place, without titles."""
    if isinstance(schema, list):
        return [inline(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return inline({**definitions[name], **rest}, definitions)
    result = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: inline(each, definitions) for name, each in value.items()}
        elif key == "description":
            result[key] = value.partition("\n\n")[0].replace("\n", " ")
        elif key != "title":
            result[key] = inline(value, definitions)
    return result


def field_texts(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class and its bases with what their docstrings say, nearest last."""
    for base in reversed(kind.__mro__):
        if base is not object:
            yield from _attribute_entries(inspect.cleandoc(base.__doc__ or ""))


def _attribute_entries(text: str) -> Iterator[tuple[str, str]]:
    names, words, margin = "", list[str](), ""
    inside = False
    for line in [*text.splitlines(), ""]:
        entry = ENTRY.fullmatch(line) if inside else None
        if entry and (not names or entry[1] == margin):
            yield from ((name, " ".join(words)) for name in names.split(", ") if name)
            margin, names, words = entry[1], entry[2], [entry[3]]
        elif inside and line.strip():
            words.append(line.strip())
        else:
            yield from ((name, " ".join(words)) for name in names.split(", ") if name)
            names, inside = "", bool(HEADING.fullmatch(line))


def space_schema() -> Schema:
    """Return the schema of a grid or a space of values."""
    ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
    kinds = {
        name: {"type": "array", "minItems": 1} if kind.finite else ends
        for name, kind in KINDS.items()
    }
    return {
        "type": "object",
        "description": "A grid is compared, or searched in a grid search; other spaces are drawn.",
        "properties": {**kinds, "when": {"type": "object"}},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in KINDS],
    }
