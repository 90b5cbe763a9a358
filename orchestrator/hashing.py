"""Keys: canonical JSON, tagged with what it describes, hashed. Nothing else in the package may hash."""

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
        TypeError: a value is not None, bool, int, finite float, str, sequence, mapping or dataclass.
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
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise TypeError(f"{where}: {value} cannot be part of a key")
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name), f"{where}.{f.name}") for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    raise TypeError(f"{where}: {type(value).__name__} cannot be part of a key")
