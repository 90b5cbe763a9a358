"""Plain data from a YAML file as typed dataclasses. Only this package imports pydantic.

Mistakes are collected rather than raised one by one; each has its place and what is valid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.hashing import to_json
from orchestrator.sweep.reading.mistakes import abbreviate, describe_errors, mentions


def decode_fields(
    kind: type[Any],
    given: Mapping[str, Any],
    where: str,
    mistakes: list[str],
    left_out: frozenset[str] = frozenset(),
    salvage: bool = False,
) -> Any | None:
    """Return `given` as an instance of a dataclass, or None after noting the mistakes.

    A dataclass checks its ranges only if all types are right, and stops at the first wrong range.
    So wrong fields are removed and the rest is checked again, until there are no more mistakes.

    Args:
        kind: the dataclass.
        given: field -> value, JSON types.
        where: place in the file, for messages.
        mistakes: receives the mistakes, each in a line.
        left_out: fields that were removed as mistakes before.
        salvage: return an instance without the wrong fields, if there is one, instead of None.
    """
    check = _validator(kind)  # type: ignore[arg-type]
    rest = dict(given)
    while True:
        try:
            # As JSON: strict mode then takes a list for a tuple, but no text for a number.
            instance = check(json.dumps(rest), strict=True)
            # Refuses what cannot be part of a key, such as an integer beyond 64 bits.
            to_json(instance, where)
            return None if left_out and not salvage else instance
        except ValidationError as error:
            errors = list(describe_errors(error, kind, where))
        except TypeError as error:
            errors = [("", str(error).removeprefix("."))]
        # A mistake that names a removed field may be caused by its removal.
        unsure = left_out & {field.name for field in fields(kind)}
        mistakes.extend(line for _, line in errors if not mentions(unsure, line))
        wrong = {name for name, _ in errors} & rest.keys()
        if not wrong:
            return None
        left_out |= wrong
        rest = {name: value for name, value in rest.items() if name not in wrong}


def read_mapping(content: dict[str, Any], name: str, mistakes: list[str]) -> dict[str, Any]:
    """Return a section of keys and values; {} if it is left out, or after noting a mistake."""
    given = content.get(name, {})
    if isinstance(given, dict):
        return given
    mistakes.append(f"{name}: must be keys and values, given {abbreviate(given)}")
    return {}


@cache
def _validator(kind: Any) -> Callable[..., Any]:
    # Building one takes far longer than using it, and a grid uses it at each of its points.
    return TypeAdapter(kind).validate_json
