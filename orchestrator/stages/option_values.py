"""Values of options in a sweep file, as the types of the fields that hold them."""

from __future__ import annotations

from math import isfinite
from typing import Any

from orchestrator.errors import require

# Types that are taken as they are.
PLAIN: dict[str, tuple[type, str]] = {
    "str": (str, "text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
}


def convert(name: str, value: Any, kind: str) -> Any:
    """Return an option as the type of its field, so that 1 and 1.0 are one value.

    Raises:
        ValueError: it is of another type.
    """
    if kind in PLAIN:
        cls, valid = PLAIN[kind]
        # A whole number is not true or false, and the other way round.
        require(type(value) is cls, name, value, valid)
        return value
    if kind == "float":
        number = isinstance(value, int | float) and not isinstance(value, bool)
        require(number and isfinite(value), name, value, "a finite number")
        return float(value)
    require(isinstance(value, list | tuple), name, value, "a list of numbers")
    return tuple(convert(name, item, "float") for item in value)
