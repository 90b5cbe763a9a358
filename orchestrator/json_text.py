"""JSON from files that anybody may have written."""

from __future__ import annotations

import json
from typing import Any

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
