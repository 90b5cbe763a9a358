"""The fields of the dataclasses behind a sweep file: type, default, valid values, meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from dataclasses import Field as DataclassField
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.sweep.schema.dataclass_schema import SPACE, fields_schema
from orchestrator.sweep.schema.named_schema import DOTTED

NEUTRAL = "none at its default"
KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true, false",
    "null": "null",
    "object": "keys and values",
}
# Words of a check that hold for the small example alone, and the rule behind them.
EXAMPLE_WORDS = (
    (r"^[\d, ]+; or give", "of a split benchmark a divisor of the number of classes, or give"),
    (r"the \d+ classes of \w+", "the classes of the data"),
    (r"^0, since \w+ has", "0 where the optimiser has"),
    (r"in \[0, [\d.]+\), (?=less|below)", "at least 0 and "),
    (r"(to|and) \d+, (?=the epochs)", r"\1 "),
    (r"^natural, seeded, or (a list of the tasks 1\.\.)\d+", r"\1T"),
    (r"of all \d+ classes", "of all classes"),
    (r"(?<=of the width), \d+$", ""),
    # Of a list.
    (r"^whole numbers of ", "each "),
    # What the type of the key says already.
    (r"^a whole number of |^auto, off, or a number of stages, ", ""),
)
# Values that are wrong for most numbers, of which the checks then say what is right.
WRONG = {
    "integer": (-1, 0, 10**5),
    "number": (-1.0, 0.0, 0.7, 1.0, 1.5, 2.0, 1e9),
    "string": ("?",),
}


@dataclass(frozen=True)
class Field:
    """A key of a section of a sweep file.

    Attributes:
        kind: its type, in words.
        default: as a sweep file has it; "" if it has to be given.
        valid: the values that its check allows, in the words of the check; "" if all of the type.
        neutral: whether it is in no key of a stage at its default.
    """

    name: str
    kind: str
    default: str
    valid: str
    meaning: str
    neutral: bool


def read_fields(
    cls: type[Any],
    schema: Mapping[str, Any] | None = None,
    required: Mapping[str, Any] | None = None,
) -> list[Field]:
    """Return the fields of a dataclass.

    Args:
        cls: the dataclass.
        schema: of its section in a sweep file, if the forms there are not those of its types.
        required: values of the fields without a default, to try others beside.
    """
    shown = (schema or fields_schema(cls))["properties"]
    return [
        Field(
            name=field.name,
            kind=describe_kind(shown[field.name]),
            default=default_text(field, shown[field.name]),
            valid=valid_values(cls, field.name, shown[field.name], required or {}),
            meaning=shown[field.name].get("description", ""),
            neutral="neutral" in field.metadata and field.metadata["neutral"] == field.default,
        )
        for field in fields(cls)
        if field.name in shown
    ]


def describe_kind(schema: Mapping[str, Any]) -> str:
    """Return the type of a JSON Schema in words."""
    return ", or ".join(dict.fromkeys(_kinds(schema)))


def _kinds(schema: Mapping[str, Any]) -> Iterator[str]:
    if "anyOf" in schema:
        parts = (each for each in schema["anyOf"] if each != SPACE and each.get("type") != "null")
        yield from (kind for part in parts for kind in _kinds(part))
    elif "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    elif values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        # YAML 1.1 reads `off` as false.
        yield ", ".join(f"`{value}`" for value in values if value is not False)
    elif schema.get("type") == "array":
        items = schema.get("items")
        yield f"list of: {describe_kind(items)}" if items else "list"
    else:
        dotted = schema.get("pattern") == DOTTED["pattern"]
        yield "`module:name`" if dotted else KINDS.get(schema.get("type", ""), "any")


def default_text(field: DataclassField[Any], schema: Mapping[str, Any]) -> str:
    """Return the default of a field; "" if it has to be given."""
    if field.default is MISSING and field.default_factory is MISSING:
        return ""
    return f"`{yaml_text(field.default)}`" if "default" in schema else "left out"


def yaml_text(value: Any) -> str:
    """Return a value as a sweep file has it."""
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def valid_values(
    cls: type[Any], name: str, schema: Mapping[str, Any], required: Mapping[str, Any]
) -> str:
    """Return what the checks of a class say of values of a field that are wrong."""
    complaints = [
        valid
        for value in wrong_values(schema)
        for valid in _complaints(cls, {**required, name: value}, name)
    ]
    return "; ".join(dict.fromkeys(complaints))


def wrong_values(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield values of a type, most of which are wrong; of names in a table those of none."""
    parts = schema.get("anyOf", [schema])
    kinds = dict.fromkeys(each.get("type") for each in parts)
    listed = any("enum" in each for each in parts)
    for kind in kinds:
        if not (kind == "string" and listed):
            yield from WRONG.get(kind, ())
    for items in (each["items"] for each in parts if "items" in each):
        if "items" not in items:
            yield from ((value,) for value in wrong_values(items))


def general_rule(valid: str) -> str:
    """Return what a check says is valid, without what holds for an example alone."""
    for words, rule in EXAMPLE_WORDS:
        valid = re.sub(words, rule, valid)
    return valid


def _complaints(cls: type[Any], given: Mapping[str, Any], name: str) -> Iterator[str]:
    try:
        cls(**given)
    except (ValueError, RepertoireError) as error:
        for line in str(error).splitlines():
            said = re.findall(rf"^{name}:? must be (.+?), given", line)
            said += re.findall(rf"^{name}: .*?(?:; valid: |;? must be )(.+)$", line)
            yield from map(general_rule, said)
    except (TypeError, AttributeError):
        pass  # a value of a type that reading refuses


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    head = [*head]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines
    )


def fields_table(rows: Iterable[Field], effects: Mapping[str, str] | None = None) -> str:
    """Return fields as a table, with what each changes in keys if that is given."""
    head = ["Key", "Values", "Default", "Meaning"]
    body = []
    for row in rows:
        default = row.default or "*required*"
        values = "; ".join(filter(None, [row.kind, row.valid]))
        cells = [f"`{row.name}`", values, default, row.meaning]
        if effects is not None:
            cells.append(effects[row.name] + (f"; {NEUTRAL}" if row.neutral else ""))
        body.append(cells)
    return table(head + ["Keys it changes"] * (effects is not None), body)
