"""Any classification data set of torchvision, by the name of its class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.dataset_files import FAILURES, download_lock, import_torchvision
from orchestrator.benchmarks.sources.arrays import Allocate, Array, RawData, hold_out
from orchestrator.benchmarks.sources.forms import Form, Opened, as_images, stamp_files
from orchestrator.benchmarks.sources.images import stamp_folder
from orchestrator.benchmarks.sources.labels import map_labels
from orchestrator.benchmarks.sources.pictures import Size, read_pictures, require_size
from orchestrator.errors import MissingData, WrongData, suggest

# Arguments by which classes choose training and test data, in the order of preference.
PARTS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "train": ((True,), (False,)),
    "split": (("train", "trainval", "train-standard"), ("test", "val")),
}
DEFAULTS = {"EMNIST": {"split": "balanced"}}
LABELS = ("targets", "labels", "_labels", "y")


@dataclass(frozen=True, kw_only=True)
class Torchvision(Form):
    """A data set of torchvision, in the folder of data sets; it is downloaded if it is not there.

    Attributes:
        torchvision: a class of torchvision.datasets.
        size: of the sides, or [rows, columns]; left out where all pictures have one size.
        options: further arguments of the class, such as {split: letters} of EMNIST.
    """

    torchvision: str
    size: Size = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_size(self.size)

    @property
    def identity(self) -> Any:
        """What is read and how, in JSON types."""
        return [*super().identity, data_folder()]

    @property
    def title(self) -> str:
        """The name of the class."""
        return self.torchvision.lower()

    @property
    def where(self) -> str:
        """The class, and where it is looked for."""
        return f"torchvision's {self.torchvision} in {data_folder()}"

    def open(self) -> Opened:
        """Return the stamps of the data set's files, downloading them if there are none."""
        cls = find_class(self.torchvision)
        if not find_places(cls):
            self._parts(cls)
        stamps = [
            stamp_folder(place) if place.is_dir() else stamp_files([place])
            for place in find_places(cls)
        ]
        return Opened(stamps, self.read)

    def read(self, allocate: Allocate) -> RawData:
        """Read the arrays, or decode the pictures."""
        parts = self._parts(find_class(self.torchvision))
        try:
            labels = [read_labels(part) for part in parts]
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise WrongData(f"{self.where}: is not a data set of classes: {error}") from error
        rows = [np.arange(len(part)) for part in labels]
        held_out = len(parts) == 1
        if held_out:
            numbers, _, _ = map_labels(labels[0], None, (), self.where)
            rows, parts, labels = [*hold_out(numbers)], parts * 2, labels * 2
        train_y, test_y = (part[chosen] for part, chosen in zip(labels, rows, strict=True))
        train_x, test_x = self._inputs(parts, rows, allocate)
        names = getattr(parts[0], "classes", ())
        return RawData(train_x, train_y, test_x, test_y, names=names, held_out=held_out)

    def _inputs(self, parts: list[Any], rows: list[Array], allocate: Allocate) -> list[Array]:
        arrays = [np.asarray(getattr(part, "data", ())) for part in parts]
        if self.size is None and all(
            array.ndim >= 3 and len(array) == len(part)
            for array, part in zip(arrays, parts, strict=True)
        ):
            images = (as_images(array, None, self.where) for array in arrays)
            return [x[chosen] for x, chosen in zip(images, rows, strict=True)]
        train, test = (
            [partial(_picture, part, int(row)) for row in chosen]
            for part, chosen in zip(parts, rows, strict=True)
        )
        return [*read_pictures((train, test), self.size, None, allocate)]

    def _parts(self, cls: Any) -> list[Any]:
        """Return torchvision's objects of training and test data, or one of both.

        Raises:
            MissingData: it is not in the folder and could not be downloaded.
        """
        given = {**DEFAULTS.get(self.torchvision, {}), **self.options}
        try:
            return [_construct(cls, choices, given) for choices in part_choices(cls, given)]
        except FAILURES as error:
            raise MissingData(f"{self.where} cannot be read: {error}") from error
        except TypeError as error:
            raise WrongData(f"{self.where}: options: {error}") from error


def find_class(name: str) -> Any:
    """Return a class of torchvision.datasets.

    Raises:
        WrongData: there is none of the name.
    """
    datasets = import_torchvision().datasets
    names = [each for each in datasets.__all__ if inspect.isclass(getattr(datasets, each))]
    if name not in names:
        raise WrongData(f"torchvision: unknown class {name!r}; {suggest(name, names)}")
    return getattr(datasets, name)


def find_places(cls: Any) -> list[Path]:
    """Return the files and folders of a data set in the folder of data sets."""
    root = Path(data_folder())
    files = [entry[1] for entry in getattr(cls, "split_list", {}).values() if len(entry) > 1]
    names = [getattr(cls, "base_folder", None), *files]
    places = {root / name for name in names if isinstance(name, str) and name}
    title = _letters(cls.__name__)
    if root.is_dir():
        places |= {each for each in root.iterdir() if _letters(each.name).startswith(title)}
    return sorted(place for place in places if place.exists())


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def part_choices(cls: Any, given: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return, of training and of test data, the arguments to try in turn."""
    names = {name for each in cls.__mro__ if each is not object for name in _arguments(each)}
    name = next((name for name in PARTS if name in names and name not in given), None)
    if name is None:
        return [[{}]]
    return [[{name: value} for value in values] for values in PARTS[name]]


def _arguments(cls: Any) -> list[str]:
    return [*inspect.signature(cls.__init__).parameters]


def _construct(cls: Any, choices: list[dict[str, Any]], given: Mapping[str, Any]) -> Any:
    """Return torchvision's object for the first arguments it takes, downloading if necessary."""
    for choice in choices[:-1]:
        with suppress(ValueError):  # it has no part of that name
            return _construct(cls, [choice], given)
    arguments = {**given, **choices[-1]}
    folder = Path(data_folder())
    try:
        return cls(folder, **arguments)
    except FAILURES as error:
        if isinstance(error, ValueError) or "download" not in _arguments(cls):
            raise
    with download_lock(folder):
        return cls(folder, download=True, **arguments)


def read_labels(part: Any) -> Array:
    """Return the labels of one of torchvision's objects; decodes its pictures only if it must."""
    for name in LABELS:
        labels = getattr(part, name, None)
        if labels is not None and len(labels) == len(part):
            return np.asarray(labels)
    return np.asarray([part[row][1] for row in range(len(part))])


def _picture(part: Any, row: int) -> Any:
    return part[row][0]
