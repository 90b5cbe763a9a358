"""Kinds of the values of an optimiser's options, from the constructor of its class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from math import isfinite
from typing import Any

from orchestrator.errors import require

# Annotations that are checked in a class of the user's own, with a default of that kind.
PLAIN: dict[str, Any] = {"bool": False, "int": 0, "float": 0.0, "str": ""}


def check_kinds(
    options: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter], of_torch: bool
) -> None:
    """Raise ValueError unless options have the kinds that an optimiser takes.

    Args:
        options: option -> value, as in a sweep file.
        parameters: of the constructor.
        of_torch: whether a default has the kind of all values, which holds for torch's classes. In
            others an annotation as `bool`, `int`, `float` or `str` says so.
    """
    for option in options.keys() & parameters.keys():
        parameter, value = parameters[option], options[option]
        kind = getattr(parameter.annotation, "__name__", str(parameter.annotation))
        default = parameter.default if of_torch else PLAIN.get(kind)
        whole = kind == "int" and not of_torch
        if default is not None:
            valid = describe_kind(default, whole)
            require(is_of_kind(value, default, whole), f"optimizer.{option}", value, valid)


def is_of_kind(value: Any, default: Any, whole: bool = False) -> bool:
    """Return whether a value has the kind of a default: number, flag, text, or a list of them."""
    if isinstance(default, bool | str):
        return type(value) is type(default)
    if isinstance(default, tuple):
        # None as a part of a default stands for a number that is computed.
        return (
            isinstance(value, list | tuple)
            and len(value) == len(default)
            and all(
                (v is None and d is None) or is_of_kind(v, d)
                for v, d in zip(value, default, strict=True)
            )
        )
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    return number and isfinite(value)


def describe_kind(default: Any, whole: bool = False) -> str:
    """Return the kind of a default in words."""
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, tuple):
        empty = f", of which {default.index(None) + 1} may be null" if None in default else ""
        return f"a list of {len(default)} numbers{empty}"
    return "text" if isinstance(default, str) else f"a {'whole' if whole else 'finite'} number"
