"""Keys: canonical JSON, tagged with what it describes, hashed. Nothing else here may hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

DIGEST_BYTES = 20


def digest(kind: str, content: object) -> str:
    """Return the key of `content` as hexadecimal; the same content under another `kind` differs.

    Raises:
        TypeError: a value is not None, bool, int of 64 bits, finite float, str, nor a sequence,
            mapping (from str) or dataclass of such.
    """
    return digest_bytes(canonical([kind, plain(content)]).encode())


def digest_bytes(data: bytes) -> str:
    """Return the digest of raw bytes as hexadecimal."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def canonical(content: object) -> str:
    """Return the one JSON text of plain content: sorted keys, no spaces, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: object, where: str = "value") -> Any:
    """Return `value` as JSON types, refusing what has no one spelling."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name), f"{where}.{f.name}") for f in fields(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where}: its keys must be text, given {list(value)}")
        return {key: plain(v, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    return scalar(value, where)


def scalar(value: object, where: str) -> object:
    """Return a value that JSON has a type for, unless readers of JSON may take it for another."""
    if isinstance(value, float) and not isfinite(value):
        raise TypeError(f"{where}: must be finite, given {value}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise TypeError(f"{where}: {value} does not fit 64 bits")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{where}: {type(value).__name__} cannot be part of a key")
