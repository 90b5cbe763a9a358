"""Amounts of bytes as a sweep file gives them: `0.5 MB`, `64 KiB`, `1000`."""

from __future__ import annotations

from pydantic import ByteSize, TypeAdapter, ValidationError

VALID = "a number of bytes above 0, alone or with a unit such as kB, MB, GB or KiB, MiB, GiB"
_SIZE = TypeAdapter(ByteSize)


def parse_bytes(given: object) -> int:
    """Return an amount of bytes, whole: "0.5 MB" is 500000.

    Raises:
        ValueError: it is none, or not above 0.
    """
    try:
        size = 0 if isinstance(given, bool) else int(_SIZE.validate_python(given))
    except ValidationError:
        size = 0
    if size < 1:
        raise ValueError(f"must be {VALID}, given {given}")
    return size
