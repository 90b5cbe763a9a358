"""Data sets: their table, and their images and labels as tensors.

Shape legend: N images, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orchestrator.benchmarks.data_folder import DATA_VARIABLE, data_folder
from orchestrator.benchmarks.dataset_files import (
    FAILURES,
    Arrays,
    fashion_mnist_places,
    read_digits,
    read_fashion_mnist,
    read_or_download_dataset,
)
from orchestrator.benchmarks.sources.cache import Stored, as_tensor
from orchestrator.benchmarks.sources.own_data import OWN_DATA
from orchestrator.errors import MissingData, UnknownName
from orchestrator.hashing import digest, digest_bytes


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


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """What a benchmark needs to know of a data set besides its tensors.

    Attributes:
        input_shape: (c, h, w) of images, or (d,) of features.
        mean, std: per channel, of the training pixels scaled to [0, 1]; 0 and 1 for features.
        version: raised by hand when the same files give other tensors.
        class_names: in the order of the labels; empty where classes have numbers alone.
    """

    num_classes: int
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    version: int = 1
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(DatasetFacts):
    """What is known of a data set of the table before it is read.

    Attributes:
        read: reads the arrays, given the folder of data sets.
        places: returns the folders that `read` searches, given the folder of data sets.
        layout: the files of the data set, for messages.
        package: the Debian package of the data set.
    """

    read: Callable[[Path], Arrays]
    places: Callable[[Path], tuple[Path, ...]] = lambda folder: (folder,)
    layout: str = ""
    package: str = ""


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
    return as_dataset(name, OWN_DATA[name].load())


def as_dataset(name: str, stored: Stored) -> Dataset:
    """Return the arrays of the cache as a data set; its tensors share their memory."""
    arrays = stored.arrays
    return Dataset(
        name,
        as_tensor(arrays.train_x),
        as_tensor(arrays.train_y),
        as_tensor(arrays.test_x),
        as_tensor(arrays.test_y),
        fingerprint=name,
    )


@cache
def _load(name: str, folder: str) -> Dataset:
    try:
        train_x, train_y, test_x, test_y = DATASETS[name].read(Path(folder))
    except FAILURES as error:
        if not DATASETS[name].layout:  # part of a package, so it cannot be obtained otherwise
            raise
        raise MissingData(_missing_message(name, Path(folder), error)) from error
    parts = (*_tensors(name, train_x, train_y), *_tensors(name, test_x, test_y))
    content = [[list(part.shape), digest_bytes(part.numpy().data)] for part in parts]
    return Dataset(name, *parts, fingerprint=digest("data set", content))


def _tensors(name: str, x: NDArray[Any], y: NDArray[Any]) -> tuple[Tensor, Tensor]:
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
    images = torch.from_numpy(np.ascontiguousarray(x)).view(-1, *info.input_shape)
    return images, torch.from_numpy(y.astype(np.int64))


def _missing_message(name: str, folder: Path, reason: Exception) -> str:
    info = DATASETS[name]
    own = folder / Path(info.layout).parts[0]
    damaged = own.is_dir() and any(path.is_file() for path in own.rglob("*"))
    state = "is not on this machine."
    if damaged:
        state = f"is damaged or incomplete in {own}: {reason.__cause__ or reason}"
    copy = "copy the files from a machine that has them, such as one that downloaded them"
    package = f"install Debian's package: apt install {info.package}"
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


FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def _cifar(
    num_classes: int, mean: tuple[float, ...], std: tuple[float, ...], layout: str
) -> DatasetInfo:
    """Return a data set of 32x32 colour images."""
    return DatasetInfo(
        num_classes=num_classes,
        input_shape=(3, 32, 32),
        mean=mean,
        std=std,
        read=partial(read_or_download_dataset, f"CIFAR{num_classes}"),
        layout=layout,
        class_names=CIFAR10_CLASSES if num_classes == len(CIFAR10_CLASSES) else (),
    )


DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo(
        num_classes=10, input_shape=(1, 8, 8), mean=(0.3058,), std=(0.3764,), read=read_digits
    ),
    "fashion_mnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.2860,),
        std=(0.3530,),
        read=read_fashion_mnist,
        places=fashion_mnist_places,
        layout="FashionMNIST/raw/*-ubyte or fashion-mnist/*-ubyte.gz",
        package="dataset-fashion-mnist",
        class_names=FASHION_CLASSES,
    ),
    "mnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.1307,),
        std=(0.3081,),
        read=partial(read_or_download_dataset, "MNIST"),
        layout="MNIST/raw/*-ubyte",
    ),
    "cifar10": _cifar(
        10, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), "cifar-10-batches-py/"
    ),
    "cifar100": _cifar(
        100, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), "cifar-100-python/"
    ),
}
