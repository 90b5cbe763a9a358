"""Python values as the plain data of a sweep file: lists, keys and values, text and numbers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.cli.python.object_names import object_name

VALID = (
    "text, a number, true, false or null, a list, keys and values, or a class or function that a "
    "file defines"
)
# A network's backbone, or one of several.
BACKBONE = re.compile(r"network\.backbone(\.(grid|choice)\[\d+\])?")


class PlainData:
    """Turns Python values into plain data, and collects the mistakes.

    Attributes:
        folder: is searched first for the files of classes and functions.
        mistakes: each in a line, with its place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mistakes: list[str] = []

    def convert(self, given: Any, place: str = "") -> Any:
        """Return a value as plain data; None after noting a mistake."""
        given = unwrap_array(given)
        if isinstance(given, Mapping):
            return self._convert_mapping(given, place)
        if isinstance(given, list | tuple | range):
            return [self.convert(value, f"{place}[{i}]") for i, value in enumerate(given)]
        if isinstance(given, Path):
            return str(given)
        if given is None or isinstance(given, bool):
            return given
        for kind in (str, int, float):
            if isinstance(given, kind):
                # Not of a subclass, which YAML has no form for.
                return kind.__str__(given) if kind is str else kind(given)
        return self._convert_object(given, place)

    def _convert_mapping(self, given: Mapping[Any, Any], place: str) -> dict[Any, Any]:
        below = f"{place}." if place else ""
        return {
            unwrap_array(key): self.convert(value, f"{below}{key}") for key, value in given.items()
        }

    def _convert_object(self, given: Any, place: str) -> Any:
        if not (inspect.isclass(given) or inspect.isroutine(given)):
            self.mistakes.append(f"{place or 'sweep'}: must be {VALID}, given {describe(given)}")
            return None
        try:
            name = object_name(given, self.folder)
        except ValueError as error:
            self.mistakes.append(f"{place}: {error}")
            return None
        # A backbone's text is a name of the table, so that a function has a key of its own.
        return {"module": name} if BACKBONE.fullmatch(place) and ":" in name else name


def unwrap_array(given: Any) -> Any:
    """Return numbers of NumPy or torch as Python's; return other values unchanged."""
    shape = getattr(given, "shape", None)
    is_row = isinstance(shape, tuple) and len(shape) < 2 and hasattr(given, "tolist")
    return given.tolist() if is_row else given


def describe(given: Any) -> str:
    """Return a value that is no plain data in words."""
    if hasattr(given, "shape"):
        size = "x".join(map(str, given.shape))
        return f"an array ({size}); save data into a file and name that: {{npz: FILE}}"
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
