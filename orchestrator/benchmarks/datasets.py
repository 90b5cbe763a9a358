"""Data sets of the table and of the user's own, as tensors.

Shape legend: N images, c channels, h rows, w columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from orchestrator.benchmarks.data_folder import DATA_VARIABLE, data_folder
from orchestrator.benchmarks.dataset_files import FAILURES
from orchestrator.benchmarks.dataset_info import DatasetFacts, DatasetInfo
from orchestrator.benchmarks.dataset_table import DATASETS
from orchestrator.benchmarks.sources.array_files import Stored, as_tensor
from orchestrator.benchmarks.sources.arrays import Allocate, Array, Arrays, Facts
from orchestrator.benchmarks.sources.cache import in_memory, load_arrays
from orchestrator.benchmarks.sources.forms import stamp_files
from orchestrator.benchmarks.sources.images import stamp_folder
from orchestrator.benchmarks.sources.labels import Label
from orchestrator.benchmarks.sources.own_data import OWN_DATA
from orchestrator.benchmarks.sources.pictures import read_pictures
from orchestrator.errors import MissingData, UnknownName

__all__ = [
    "DATASETS",
    "DATA_VARIABLE",
    "Dataset",
    "DatasetFacts",
    "DatasetInfo",
    "data_folder",
    "dataset_facts",
    "load_dataset",
]


@dataclass(frozen=True, eq=False)
class Dataset:
    """The examples and labels of a data set. All users share its tensors: do not modify them.

    Shapes:
        train_x, test_x: uint8 images [N, c, h, w], or float32 features [N, d]; train_y, test_y:
        int64 [N].

    Attributes:
        fingerprint: digest of the four tensors, so that other content has other keys.
    """

    name: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    fingerprint: str


def load_dataset(name: str) -> Dataset:
    """Return a data set; it is read once per process and folder.

    Args:
        name: of `DATASETS`, or the name or digest of the user's own data.

    Raises:
        UnknownName: the data set is neither.
        MissingData: it is not on this machine, or its files are damaged.
        WrongData: the user's own files are not those that the sweep was planned with.
    """
    if name in OWN_DATA:
        return _load_own(OWN_DATA[name].digest, data_folder())
    if name not in DATASETS:
        raise UnknownName("data set", name, DATASETS)
    return _load(name, data_folder())


def dataset_facts(name: str) -> DatasetFacts:
    """Return what is known of a data set, of the table or of the user's own."""
    if name not in OWN_DATA:
        return DATASETS[name]
    facts = OWN_DATA[name].facts
    return DatasetFacts(
        num_classes=len(facts.classes),
        input_shape=facts.input_shape,
        mean=facts.mean,
        std=facts.std,
        class_names=tuple(map(str, facts.classes)),
    )


@cache
def _load_own(name: str, folder: str) -> Dataset:
    return as_dataset(name, OWN_DATA[name].load(), fingerprint=name)


def as_dataset(name: str, stored: Stored, fingerprint: str) -> Dataset:
    """Return the arrays of the cache as a data set; its tensors share their memory."""
    arrays = (getattr(stored.arrays, part) for part in ("train_x", "train_y", "test_x", "test_y"))
    return Dataset(name, *map(as_tensor, arrays), fingerprint=fingerprint)  # type: ignore[misc,arg-type]


@cache
def _load(name: str, folder: str) -> Dataset:
    info, place = DATASETS[name], Path(folder)

    def read(allocate: Allocate) -> Arrays:
        try:
            return (
                read_pictures_of(info, place, allocate)
                if info.pictures
                else read_named(name, place)
            )
        except FAILURES as error:
            if not info.layout:  # part of a package, so it cannot be obtained otherwise
                raise
            raise MissingData(_missing_message(name, place, error)) from error

    stamps = stamp_named(info, place)
    if stamps:
        stored = load_arrays(["data set", name, info.version], stamps, read)
    else:  # part of a package, or about to be downloaded
        stored = in_memory(read)
    return as_dataset(name, stored, stored.digest)


def stamp_named(info: DatasetInfo, folder: Path) -> list[Any]:
    """Return what changes with the files of a data set; empty if there are none."""
    if info.pictures is not None:
        root = folder / Path(info.layout).parts[0]
        return [stamp_folder(root)] if root.is_dir() else []
    found = (place.glob(pattern) for place in info.places(folder) for pattern in info.files)
    return stamp_files(sorted({path for paths in found for path in paths if path.is_file()}))


def read_pictures_of(info: DatasetInfo, folder: Path, allocate: Allocate) -> Arrays:
    """Return the arrays of a data set that is laid out in folders."""
    assert info.pictures is not None
    (train, train_y), (test, test_y) = info.pictures(folder)
    channels, rows, columns = info.input_shape
    train_x, test_x = read_pictures((train, test), (rows, columns), channels, allocate)
    return Arrays(train_x, np.array(train_y), test_x, np.array(test_y), facts_of(info))


def read_named(name: str, folder: Path) -> Arrays:
    """Return the checked arrays of a data set of the table."""
    info = DATASETS[name]
    assert info.read is not None
    train_x, train_y, test_x, test_y = info.read(folder)
    parts = (*_check(name, train_x, train_y), *_check(name, test_x, test_y))
    return Arrays(*parts, facts=facts_of(info))


def facts_of(info: DatasetInfo) -> Facts:
    """Return the facts of a data set of the table, as the cache has them."""
    classes: tuple[Label, ...] = info.class_names or tuple(range(info.num_classes))
    return Facts(classes=classes, input_shape=info.input_shape, mean=info.mean, std=info.std)


def _check(name: str, x: Array, y: Array) -> tuple[Array, Array]:
    info = DATASETS[name]
    if y.ndim != 1 or x.size != len(y) * prod(info.input_shape):
        raise MissingData(
            f"data set {name!r}: its files hold images {x.shape} and labels {y.shape}, not "
            f"{info.input_shape} for each of N labels; get them again"
        )
    if len(y) and not 0 <= y.min() <= y.max() < info.num_classes:
        raise MissingData(
            f"data set {name!r}: its labels run from {y.min()} to {y.max()}; they must be the "
            f"numbers from 0 to {info.num_classes - 1}. Number them so, or get its files again"
        )
    return np.ascontiguousarray(x).reshape(-1, *info.input_shape), y.astype(np.int64)


def _missing_message(name: str, folder: Path, reason: Exception) -> str:
    info = DATASETS[name]
    own = folder / Path(info.layout).parts[0]
    damaged = own.is_dir() and any(path.is_file() for path in own.rglob("*"))
    state = "is not on this machine."
    if damaged:
        state = f"is damaged or incomplete in {own}: {reason.__cause__ or reason}"
    copy = "copy the files from a machine that has them, such as one that downloaded them"
    package = f"install Debian's package: apt install {info.package}"
    if info.pictures is not None:
        return (
            f"data set {name!r} {state}\nLooked in: {own}: {reason}\n"
            "To get it, unpack the archive of its authors, and set "
            f"{DATA_VARIABLE} to the folder that holds {info.layout}"
        )
    return "\n".join(
        [
            f"data set {name!r} {state}",
            f"Looked in: {', '.join(map(str, info.places(folder)))}",
            f"Tried to download it into {folder}: {reason}",
            f"To get it, {f'delete {own} and ' if damaged else ''}do one of these:",
            f"  - set {DATA_VARIABLE} to a folder that holds {info.layout}",
            f"  - {package if info.package else copy}",
            "  - connect this machine to the internet and try again: it is then downloaded",
        ]
    )
