"""Mistakes that pydantic finds, in the terms of a sweep file: the place, and what is valid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from orchestrator.errors import suggest

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
MISSING = ("missing", "missing_argument")
# Pydantic's types of errors, in the terms of YAML.
EXPECTED = {
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "dataclass_type"), "keys and values"),
    "string_type": "text",
    "bool_type": "true or false",
    "none_required": "null",
}


def mentions(names: Iterable[str], line: str) -> bool:
    """Return whether a mistake names one of these fields, other than among the valid ones."""
    # The valid names after a mistake may be those of any field; advice may follow them.
    text = re.sub(r"; (did you mean|valid:)[^;]*", "", line)
    return any(re.search(rf"\b{name}\b", text) for name in names)


def describe_errors(
    error: ValidationError, kind: type[Any], where: str
) -> Iterator[tuple[str, str]]:
    """Yield each mistake as (field, line), where the line has its place."""
    names = [field.name for field in fields(kind)]
    expected: dict[tuple[str, str], list[ErrorDetails]] = {}
    nested = nested_fields(kind)  # type: ignore[arg-type]
    forms = stated_forms(kind)  # type: ignore[arg-type]
    for detail in error.errors(include_url=False):
        first = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] in ("value_error", "assertion_error"):
            yield from locate_errors(str(detail["ctx"]["error"]), first, names, where)
        else:
            expected.setdefault((first, error_place(detail, where, nested)), []).append(detail)
    for (first, path), details in expected.items():
        # Of several types, the one that fits best has its mistake at the deepest place.
        if not any(
            other != path and field == first and other.startswith((f"{path}[", f"{path}."))
            for field, other in expected
        ):
            form = forms.get(path.rpartition(".")[2])
            yield first, f"{path}: {error_message(details, names, form)}"


def locate_errors(text: str, first: str, names: list[str], where: str) -> Iterator[tuple[str, str]]:
    """Yield the mistakes of a range check, one a line, with the field that a line begins with."""
    for line in text.splitlines():
        match = re.match(r"((\w+)[\w.\[\]]*):? ", line)
        if not first and match and match[2] in names:
            yield match[2], f"{where}.{match[1]}: {line[match.end() :]}"
        else:
            yield first, f"{where}.{first}: {line}" if first else f"{where}: {line}"


@cache
def nested_fields(kind: Any) -> frozenset[str]:
    """Return the fields of the dataclasses that a dataclass has for values, at any depth."""
    return frozenset(field.name for each in _dataclasses_in(kind) for field in fields(each))


@cache
def stated_forms(kind: Any) -> dict[str, str]:
    """Return what fields say is valid (`metadata`: "form"), by name, those within values too."""
    within = [field for each in (kind, *_dataclasses_in(kind)) for field in fields(each)]
    return {field.name: field.metadata["form"] for field in within if "form" in field.metadata}


def _dataclasses_in(kind: Any) -> list[Any]:
    """Return the dataclasses that the fields of a dataclass have for values, at any depth."""
    kinds, left = list[Any](), [*get_type_hints(kind).values()]
    while left:
        each = left.pop()
        left += get_args(each)
        if is_dataclass(each) and each not in kinds:
            kinds.append(each)
            left += get_type_hints(each).values()
    return kinds


def error_place(detail: ErrorDetails, where: str, nested: frozenset[str] = frozenset()) -> str:
    """Return the place of a mistake, by fields and items, without pydantic's names of types."""
    path, last, before = where, len(detail["loc"]) - 1, ""
    for i, part in enumerate(detail["loc"]):
        if isinstance(part, int):
            path += f"[{part}]"
        elif (
            i == 0
            or before.startswith("dict[")
            or part in nested
            or (i == last and detail["type"] in (*UNKNOWN, *MISSING))
        ):
            path += f".{part}"
        before = str(part)
    return path.removeprefix(".")


def error_message(details: list[ErrorDetails], names: list[str], form: str | None = None) -> str:
    """Return the message for one place; several details are alternatives.

    Args:
        details: of the place.
        names: of all fields.
        form: what the field says is valid, if it does.
    """
    detail = details[0]
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    if detail["type"] in UNKNOWN:
        known = suggest(key, names) if names else "it takes none"
        return f"unknown key {key!r}" + (f"; {known}" if len(detail["loc"]) == 1 else "")
    if detail["type"] in MISSING:
        return "is missing"
    expected = form or ", or ".join(dict.fromkeys(expected_value(each) for each in details))
    choices = [
        name
        for each in details
        for name in re.findall(r"'([^']*)'", each.get("ctx", {}).get("expected", ""))
    ]
    given, hint = detail["input"], spelling_advice(detail)
    if choices and isinstance(given, str):
        hint = f"; {suggest(given, choices)}"
    return f"must be {expected}, given {abbreviate(given)}{hint}"


def spelling_advice(detail: ErrorDetails) -> str:
    """Return advice for text that YAML 1.1 reads as a number."""
    given = detail["input"]
    if not isinstance(given, str) or "number" not in EXPECTED.get(detail["type"], ""):
        return ""
    if re.fullmatch(r"[-+]?0[0-9_]+", given):
        return "; a number has no leading zeros here (YAML would read base 8)"
    if re.fullmatch(r"[-+]?[0-9]+(:[0-9]+)+(\.[0-9]*)?", given):
        return "; write it without a colon, such as 1.5 (YAML would read base 60)"
    return ""


def expected_value(detail: ErrorDetails) -> str:
    """Return a description of the valid values."""
    text = re.sub(r"^Input should be (a valid |an? )?", "", detail["msg"])
    return EXPECTED.get(detail["type"], text)


def abbreviate(value: Any) -> str:
    """Return a value as text of at most 60 characters."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
