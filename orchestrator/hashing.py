"""Keys: digests of canonical JSON with a tag. No other module computes keys."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType
from typing import Any

# 160 bits: that two contents get one key is out of the question for stores of any size.
DIGEST_BYTES = 20
DIGEST_PATTERN = f"[0-9a-f]{{{2 * DIGEST_BYTES}}}"
_DIGEST = re.compile(DIGEST_PATTERN)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(kind: str, content: object) -> str:
    """Return the key of `content` as hexadecimal; the same content under another `kind` differs.

    A field of a dataclass that is at its neutral value is left out, see `to_keyed_json`.

    Raises:
        TypeError: a value is not None, bool, int of 64 bits, finite float, str, nor a sequence,
            mapping (from str) or dataclass of such.
    """
    return digest_json(kind, to_keyed_json(content))


def digest_json(kind: str, content: object) -> str:
    """Return the key that `digest` returns, of content that consists of JSON types alone."""
    return digest_bytes(canonical_json([kind, content]).encode())


def digest_encoded(kind: str, content: Mapping[str, str]) -> str:
    """Return the key that `digest_json` returns of a mapping, from the JSON of each value.

    Keys that have most of their content in common encode that once.

    Args:
        kind: letters, digits and spaces, as the names of `content` are.
        content: name -> canonical JSON of the value.
    """
    members = ",".join(f'"{name}":{content[name]}' for name in sorted(content))
    return digest_bytes(f'["{kind}",{{{members}}}]'.encode())


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the digest of raw bytes as hexadecimal."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def is_digest(text: str) -> bool:
    """Return whether a text is one that `digest` could return, such as the key of a stage."""
    return bool(_DIGEST.fullmatch(text))


def canonical_json(content: object) -> str:
    """Return the one JSON text of plain content: sorted keys, no spaces, no NaN."""
    return _ENCODER.encode(content)


def to_json(value: object, where: str = "value") -> Any:
    """Return `value` as JSON types, refusing what has no one spelling."""
    return _as_json(value, where, _all_fields)


def to_keyed_json(value: object) -> Any:
    """Return `value` as JSON types, without the fields of dataclasses at their neutral value.

    A field declares its neutral value in its metadata (`methods.base.neutral`). At that value it
    changes nothing, so what is keyed without it keeps the key from before the field existed. A
    field marked "unkeyed" is left out at every value, one marked "internal" by `to_json` too.
    """
    return _as_json(value, "value", _keyed_fields)


ValuePlace = tuple[Any, str | int]  # of a value: the place of what holds it, and its name there
# Of a dataclass: the names of fields and the values at which they are left out.
Fields = tuple[tuple[str, Any], ...] | None
_AS_THEY_ARE = frozenset({str, bool, NoneType})  # types of most values by far


def _as_json(value: Any, place: Any, fields_of: Callable[[Any], Fields]) -> Any:
    kind: Any = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if (kind is float and isfinite(value)) or (kind is int and abs(value) < 2**63):
        return value
    if (kind_fields := fields_of(kind)) is not None:
        return {
            # Without a call for the values that most fields have.
            name: v if type(v) in _AS_THEY_ARE else _as_json(v, (place, name), fields_of)
            for name, neutral in kind_fields
            for v in (getattr(value, name),)
            if neutral is MISSING or neutral != v
        }
    if kind is dict or isinstance(value, Mapping):
        if not (set(map(type, value)) <= {str} or all(isinstance(key, str) for key in value)):
            raise TypeError(f"{_path(place)}: its keys must be text, given {list(value)}")
        return {key: _as_json(v, (place, key), fields_of) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(v, (place, i), fields_of) for i, v in enumerate(value)]
    return check_scalar(value, place)


@cache
def _all_fields(kind: Any) -> Fields:
    if not is_dataclass(kind):
        return None
    return tuple((f.name, MISSING) for f in fields(kind) if not f.metadata.get("internal"))


@cache
def _keyed_fields(kind: Any) -> Fields:
    if not is_dataclass(kind):
        return None
    keyed = (f for f in fields(kind) if not f.metadata.keys() & {"unkeyed", "internal"})
    return tuple((f.name, f.metadata.get("neutral", MISSING)) for f in keyed)


def _path(place: str | ValuePlace) -> str:
    """Return a place as text; it is built only where something is wrong there."""
    if isinstance(place, str):
        return place
    above, name = place
    return f"{_path(above)}[{name}]" if isinstance(name, int) else f"{_path(above)}.{name}"


def check_scalar(value: object, place: str | ValuePlace) -> object:
    """Return a value that JSON has a type for, unless readers of JSON may take it for another."""
    if isinstance(value, float) and not isfinite(value):
        raise TypeError(f"{_path(place)}: must be finite, given {value}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise TypeError(f"{_path(place)}: {value} does not fit 64 bits")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{_path(place)}: {type(value).__name__} cannot be part of a key")


MAX_DEPTH = 100  # of brackets in brackets; what this project writes has fewer than ten


def parse_json(text: str | bytes) -> Any:
    """Return the content of JSON text.

    Raises:
        ValueError: it is no JSON, or is nested so deeply that what reads it would fail.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    opened = ("[", "{") if isinstance(text, str) else (b"[", b"{")
    if sum(map(text.count, opened)) > MAX_DEPTH and depth(content) > MAX_DEPTH:  # type: ignore[arg-type]
        raise ValueError("nested too deeply")
    return content


def parse_portable_json(text: str | bytes) -> Any:
    """Return the content of JSON text that somebody else may have written, if tables can hold it.

    Raises:
        ValueError: as `parse_json`; or a text has half a surrogate pair.
        TypeError: a number is infinite, or an integer of more than 64 bits.
    """
    content = to_json(parse_json(text))
    json.dumps(content, ensure_ascii=False).encode()
    return content


def depth(content: Any) -> int:
    """Return the depth of nesting of JSON types: 0 of a value, 1 of a list of values."""
    levels, level = 0, [content]
    while level := [child for parent in level for child in _children(parent)]:
        levels += 1
    return levels


def _children(parent: Any) -> list[Any]:
    if isinstance(parent, dict):
        return list(parent.values())
    return parent if isinstance(parent, list) else []
