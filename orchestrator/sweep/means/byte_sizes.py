"""Amounts of bytes as text: `0.5 MB`, `64 KiB`, `1000`."""

from __future__ import annotations

import re
from math import isfinite

UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
AMOUNT = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*")
VALID = f"a number of bytes above 0, alone or with one of {', '.join(list(UNITS)[1:])}"


def parse_bytes(given: object) -> int:
    """Return an amount of bytes, whole: "0.5 MB" is 500000.

    Raises:
        ValueError: it is none, or not above 0.
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        amount, unit = float(given), ""
    else:
        match = AMOUNT.fullmatch(given) if isinstance(given, str) else None
        # The case of a unit is left to the writer, as nothing here is measured in bits.
        units = {name.casefold(): name for name in UNITS}
        if match is None or match[2].casefold() not in units:
            raise ValueError(f"must be {VALID}, given {given}")
        amount, unit = float(match[1]), units[match[2].casefold()]
    size = amount * UNITS[unit]
    if not isfinite(size) or size < 1:
        raise ValueError(f"must be {VALID}, given {given}")
    return round(size)
