"""Refuses the standard library as a place of methods, networks, optimizers and data.

It has none of them, and a dotted name such as `os:abort` would run a harmful function.
"""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType
from typing import Any

from orchestrator.errors import RepertoireError

STANDARD = sys.stdlib_module_names | {"__main__"}
ADVICE = "give the `module:Name` of your own file beside the sweep, or of an installed package"


def refuse_standard_module(what: str, module: str) -> None:
    """Raise RepertoireError, beginning with `what`, for a module of the standard library.

    Nothing is imported; call it for modules that are no file of the user.
    """
    if module.partition(".")[0] in STANDARD:
        raise RepertoireError(f"{what}: {module} is of Python's standard library; {ADVICE}")


def refuse_standard_object(what: str, value: Any) -> None:
    """Raise RepertoireError for a class or function that a module has from the standard library."""
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        refuse_standard_module(what, str(value.__module__))
