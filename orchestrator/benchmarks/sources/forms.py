"""The forms in which a sweep gives data: what each has, and what opening it returns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from orchestrator.benchmarks.sources.arrays.arrays import Allocate, RawData
from orchestrator.benchmarks.sources.files import expand_home
from orchestrator.errors import WrongData
from orchestrator.hashing import to_json


class Opened(NamedTuple):
    """What changes with the content of data, and what reads it."""

    stamps: list[Any] | None
    read: Callable[[Allocate], RawData]


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form in which a sweep gives data; its first field has the name of the form.

    Class attributes:
        version: raised by hand when the same files give other arrays.
        paths: fields that are paths, relative to the folder of the sweep.
        has_files: whether `stamps` tells on any machine whether the content changed.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    version: ClassVar[int] = 1
    paths: ClassVar[tuple[str, ...]] = ()
    has_files: ClassVar[bool] = True

    @property
    def code(self) -> str | None:
        """What identifies the user's own code that makes the data; None if none does."""
        return None

    @property
    def kind(self) -> str:
        """The name of the form."""
        return fields(self)[0].name

    @property
    def title(self) -> str:
        """A short name of the data, for tables."""
        return re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(self.where).stem)

    @property
    def where(self) -> str:
        """What is read, for messages."""
        return str(getattr(self, self.kind))

    @property
    def identity(self) -> Any:
        """What is read and how, in JSON types."""
        return [self.kind, self.version, to_json(self)]

    def with_absolute_paths(self, folder: Path) -> Self:
        """Return the form with absolute paths, given the folder of the sweep.

        Raises:
            WrongData: a path is empty, or below the home of an unknown user.
        """
        given = {name: getattr(self, name) for name in self.paths}
        if "" in given.values():
            empty = next(name for name, path in given.items() if path == "")
            raise WrongData(f"{empty}: given '', which is no path; give that of the data")
        absolute = {k: str(folder / expand_home(v)) for k, v in given.items() if v}
        return replace(self, **absolute)

    def open(self) -> Opened:
        """Return the stamps of the content, and a function that reads it.

        Raises:
            MissingData: a file is not there.
        """
        return Opened(self.stamps(), self.read)

    def stamps(self) -> list[Any] | None:
        """Return values that change with the content; None if this machine has no such values."""
        raise NotImplementedError

    def read(self, allocate: Allocate) -> RawData:
        """Read the data; large arrays may be allocated by `allocate` (name, shape, type).

        Raises:
            MissingData: a file is not there, or not of its format.
            WrongData: its content cannot be used.
        """
        raise NotImplementedError
