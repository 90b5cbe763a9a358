"""What the forms of data share: paths relative to the sweep, stamps of files, image layouts.

Shape legend: N examples, c channels, h rows, w columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from orchestrator.benchmarks.sources.arrays import Allocate, Array, RawData
from orchestrator.errors import MissingData, WrongData, suggest
from orchestrator.hashing import to_json

CHANNELS = (1, 3, 4)


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

    def located(self, folder: Path) -> Self:
        """Return the form with absolute paths, given the folder of the sweep."""
        given = {name: getattr(self, name) for name in self.paths}
        absolute = {k: str(folder / Path(v).expanduser()) for k, v in given.items() if v}
        return replace(self, **absolute)

    def open(self) -> Opened:
        """Return what tells whether the content changed, and what reads it.

        Raises:
            MissingData: a file is not there.
        """
        return Opened(self.stamps(), self.read)

    def stamps(self) -> list[Any] | None:
        """Return what changes with the content; None if nothing on this machine tells."""
        raise NotImplementedError

    def read(self, allocate: Allocate) -> RawData:
        """Read the data; large arrays may be allocated by `allocate` (name, shape, type).

        Raises:
            MissingData: a file is not there, or not of its format.
            WrongData: its content cannot be used.
        """
        raise NotImplementedError


def stamp_files(paths: Iterable[Path]) -> list[Any]:
    """Return path, size and time of files."""
    found = ((path, require_file(path).stat()) for path in paths)
    return [[str(path), status.st_size, status.st_mtime_ns] for path, status in found]


def require_file(path: Path) -> Path:
    """Return the path of a file.

    Raises:
        MissingData: it is not there.
    """
    if path.is_file():
        return path
    what = "is a folder, not a file" if path.is_dir() else "no such file"
    files = (each for each in path.parent.glob("*") if each.is_file())
    beside = [each.name for each in files if each.suffix == path.suffix]
    hint = (
        suggest(path.name, beside[:20])
        if beside
        else f"{path.parent} has no {path.suffix or 'such'} file"
    )
    raise MissingData(f"{path}: {what}; {hint}")


def require_folder(path: Path) -> Path:
    """Return the path of a folder.

    Raises:
        MissingData: it is not there.
    """
    if path.is_dir():
        return path
    what = "is a file, not a folder" if path.exists() else "no such folder"
    parent = path.parent
    beside = [each.name for each in parent.iterdir() if each.is_dir()] if parent.is_dir() else []
    hint = suggest(path.name, beside[:20]) if beside else f"{parent} has no folders"
    raise MissingData(f"{path}: {what}; {hint}")


def as_images(x: Array, shape: tuple[int, int, int] | None, where: str) -> Array:
    """Return images [N, c, h, w], or features [N, d] unchanged.

    Images may be [N, h, w], [N, h, w, c] or [N, c, h, w] with 1, 3 or 4 channels; where both are
    possible, [N, c, h, w].

    Args:
        x: the array.
        shape: (c, h, w) of images that are rows of pixels; None if they are not.
        where: what was read, for messages.

    Raises:
        WrongData: the pixels are not whole numbers in 0..255, or do not have the shape.
    """
    if shape is not None and min(shape) < 1:
        raise WrongData(f"{where}: shape {list(shape)}; its numbers must be at least 1")
    if x.ndim == 2 and shape is None:
        return x
    x = as_bytes(x, where)
    if shape is not None:
        given, needed = prod(x.shape[1:]), prod(shape)
        if given != needed:
            raise WrongData(
                f"{where}: an example has {given} pixels, and shape {list(shape)} needs {needed}"
            )
        return np.ascontiguousarray(x).reshape(-1, *shape)
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[1] not in CHANNELS and x.shape[3] in CHANNELS:
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return x


def as_bytes(x: Array, where: str) -> Array:
    """Return pixels as uint8; other integers are taken if all are in 0..255."""
    if x.dtype == np.uint8:
        return x
    whole = x.dtype.kind in "iub" or (x.dtype.kind == "f" and bool((x == np.round(x)).all()))
    if not whole or (x.size and not 0 <= x.min() <= x.max() <= 255):
        span = f" from {x.min()} to {x.max()}" if x.dtype.kind in "iubf" and x.size else ""
        raise WrongData(
            f"{where}: pixels are {x.dtype}{span}; images need whole numbers from 0 to 255 "
            "(features are [N, d])"
        )
    return x.astype(np.uint8)
