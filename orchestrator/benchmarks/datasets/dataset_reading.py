"""Reads data sets of the table: their arrays, checked, and what to do where they are missing."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.benchmarks.data_folder import DATA_VARIABLE
from orchestrator.benchmarks.datasets.dataset_info import DatasetInfo
from orchestrator.benchmarks.datasets.dataset_table import DATASETS
from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array, Arrays, Facts
from orchestrator.benchmarks.sources.arrays.labels import Label
from orchestrator.benchmarks.sources.files import stamp_files, stamp_folder
from orchestrator.benchmarks.sources.pictures import read_pictures
from orchestrator.errors import MissingData


def stamp_named(info: DatasetInfo, folder: Path) -> list[Any]:
    """Return a stamp that changes with the files of a data set; [] if there are none."""
    if info.pictures is not None:
        root = folder / Path(info.layout).parts[0]
        return [stamp_folder(root)] if root.is_dir() else []
    matches = (place.glob(pattern) for place in info.places(folder) for pattern in info.files)
    return stamp_files(sorted({path for paths in matches for path in paths if path.is_file()}))


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


def missing_message(name: str, folder: Path, reason: Exception) -> str:
    """Return the message for a data set that is not on this machine, with the ways to get it."""
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
