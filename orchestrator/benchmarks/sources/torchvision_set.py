"""Any classification data set of torchvision, by the name of its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array, RawData
from orchestrator.benchmarks.sources.arrays.image_arrays import as_images
from orchestrator.benchmarks.sources.arrays.labels import map_labels
from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.benchmarks.sources.files import stamp_files, stamp_folder
from orchestrator.benchmarks.sources.forms import Form, Opened
from orchestrator.benchmarks.sources.pictures import PictureInRow, Size, read_pictures, require_size
from orchestrator.benchmarks.sources.torchvision_classes import (
    construct_part,
    find_dataset_class,
    find_places,
    read_labels,
    train_and_test_choices,
)
from orchestrator.benchmarks.sources.torchvision_files import TORCHVISION_ERRORS
from orchestrator.errors import MissingData, WrongData

DEFAULTS = {"EMNIST": {"split": "balanced"}}


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
        # The sweep names no path: what a class reads depends on the folder.
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
        cls = find_dataset_class(self.torchvision)
        if not find_places(cls):
            self._parts(cls)
        stamps = [
            stamp_folder(place) if place.is_dir() else stamp_files([place])
            for place in find_places(cls)
        ]
        return Opened(stamps, self.read)

    def read(self, allocate: Allocate) -> RawData:
        """Read the arrays, or decode the pictures."""
        parts = self._parts(find_dataset_class(self.torchvision))
        try:
            labels = [read_labels(part) for part in parts]
        except (TypeError, ValueError, IndexError, KeyError, NotImplementedError) as error:
            reason = str(error) or type(error).__name__
            raise WrongData(f"{self.where}: is not a data set of classes: {reason}") from error
        rows = [np.arange(len(part)) for part in labels]
        held_out = len(parts) == 1
        if held_out:
            numbers, _, _ = map_labels(labels[0], None, (), self.where)
            rows, parts, labels = [*hold_out_test(numbers)], parts * 2, labels * 2
        train_y, test_y = (part[chosen] for part, chosen in zip(labels, rows, strict=True))
        train_x, test_x = self._inputs(parts, rows, allocate)
        names = getattr(parts[0], "classes", ())
        return RawData(train_x, train_y, test_x, test_y, names=names, held_out=held_out)

    def _inputs(self, parts: list[Any], rows: list[Array], allocate: Allocate) -> list[Array]:
        arrays = [np.asarray(getattr(part, "data", ())) for part in parts]
        # Arrays that a class holds in memory; others are pictures, decoded one by one.
        if self.size is None and all(
            array.ndim >= 3 and len(array) == len(part)
            for array, part in zip(arrays, parts, strict=True)
        ):
            images = (as_images(array, None, self.where) for array in arrays)
            return [x[chosen] for x, chosen in zip(images, rows, strict=True)]
        train, test = (
            [PictureInRow(partial(_picture, part), int(row), self.where) for row in chosen]
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
            return [
                construct_part(cls, choices, given)
                for choices in train_and_test_choices(cls, given)
            ]
        except TORCHVISION_ERRORS as error:
            raise MissingData(f"{self.where} cannot be read: {error}") from error
        except TypeError as error:
            raise WrongData(f"{self.where}: options: {error}") from error


def _picture(part: Any, row: int) -> Any:
    return part[row][0]
