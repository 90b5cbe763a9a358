"""Amounts of bytes as a sweep file gives them: `0.5 MB`, `64 KiB`, `1000`."""

from __future__ import annotations

import re

from pydantic import ByteSize, TypeAdapter, ValidationError

LARGEST = 2**63 - 1  # what a key and a column of a table can hold
VALID = (
    "a number of bytes above 0 and below 2^63, with a point for decimals and without separators, "
    "alone or with a unit such as kB, MB, GB or KiB, MiB, GiB"
)
_SIZE = TypeAdapter(ByteSize)
# All of a text: pydantic reads its beginning and ignores the rest; units of bits are none here.
_AMOUNT = re.compile(r"\s*[\d_]*\.?\d+\s*[kmgtpe]?(i?b)?\s*", re.IGNORECASE)
# A capital and a small b are bits; in small letters throughout ("1 mb") bytes are meant.
_BITS = re.compile(r"[\s\d_.]*[KMGTPE]i?b\s*")


def parse_bytes(given: object) -> int:
    """Return an amount of bytes, whole: "0.5 MB" is 500000.

    Raises:
        ValueError: it is none, or not above 0, or too large for a table.
    """
    if isinstance(given, str) and _BITS.fullmatch(given):
        raise ValueError(
            f"must be {VALID}, given {given}, which are bits: write B for bytes, b is an eighth"
        )
    size = 0 if isinstance(given, bool) else _read_size(given)
    if not 1 <= size <= LARGEST:
        raise ValueError(f"must be {VALID}, given {given}")
    return size


def _read_size(given: object) -> int:
    """Return an amount of bytes; 0 if it is none."""
    if isinstance(given, str) and not _AMOUNT.fullmatch(given):
        return 0
    try:
        return int(_SIZE.validate_python(given))
    except ValidationError:
        return 0
