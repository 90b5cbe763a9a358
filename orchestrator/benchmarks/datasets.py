"""The data sets: where each is found, and its images and labels as tensors.

Shape legend: N images, c channels, h rows, w columns.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orchestrator.benchmarks._torchvision import FAILURES, Arrays, read_or_download
from orchestrator.errors import MissingData, UnknownName
from orchestrator.hashing import digest, digest_bytes
from orchestrator.seeding import stream

DATA_VARIABLE = "REPERTOIRE_DATA"
CACHE = "~/.cache/repertoire"
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IDX_UNSIGNED_BYTES = 0x08


@dataclass(frozen=True, eq=False)
class Dataset:
    """The images and labels of a data set; shared by all who load it, so not to be written to.

    Shapes:
        train_x, test_x: uint8 [N, c, h, w]; train_y, test_y: int64 [N].

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
class DatasetInfo:
    """What is known of a data set before it is read.

    Attributes:
        mean, std: per channel, of the training pixels scaled to [0, 1].
        read: reads the arrays, given the folder of data sets.
        layout: the files looked for in that folder, for messages.
        package: the Debian package that brings the data set.
        version: raised by hand when the same files give other tensors.
    """

    num_classes: int
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    read: Callable[[Path], Arrays]
    layout: str = ""
    package: str = ""
    version: int = 1


def load(name: str) -> Dataset:
    """Return a data set; it is read once per process and folder.

    Raises:
        UnknownName: the data set is not in `DATASETS`.
        MissingData: it is not on this machine, or its files are damaged.
    """
    if name not in DATASETS:
        raise UnknownName("data set", name, DATASETS)
    return _load(name, data_folder())


def data_folder() -> str:
    """Return the folder of data sets: REPERTOIRE_DATA, or a cache in the home folder."""
    return os.path.expanduser(os.environ.get(DATA_VARIABLE) or CACHE)


@cache
def _load(name: str, folder: str) -> Dataset:
    train_x, train_y, test_x, test_y = DATASETS[name].read(Path(folder))
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


def stratified_order(y: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random order of the rows of `y` [N] in which classes are mixed evenly.

    Any stretch of the order holds each class in proportion to its size, to within about one
    example, so cutting it anywhere is a stratified split.
    """
    shuffled = torch.randperm(len(y), generator=generator)
    by_class = shuffled[torch.argsort(y[shuffled], stable=True)]
    counts = torch.bincount(y)
    rank = torch.arange(len(y)) - (counts.cumsum(0) - counts)[y[by_class]]
    quantile = torch.empty(len(y), dtype=torch.float64)
    quantile[by_class] = (rank.double() + 0.5) / counts[y[by_class]]
    return shuffled[torch.argsort(quantile[shuffled], stable=True)]


def _read_digits(_folder: Path) -> Arrays:
    table = _digits_table()
    y = table[:, -1].astype(np.int64)
    # Pixels come as 0..16; adding half a step rounds to the nearest of 0..255.
    x = ((table[:, :-1].astype(np.int64) * 255 + 8) // 16).astype(np.uint8)
    order = stratified_order(torch.from_numpy(y), stream(0, "digits", "test split")).numpy()
    num_test = round(len(y) * 0.2)
    test, train = np.sort(order[:num_test]), np.sort(order[num_test:])
    return x[train], y[train], x[test], y[test]


def _digits_table() -> NDArray[Any]:
    """Return scikit-learn's digits, 64 pixels and a label a row.

    Importing scikit-learn takes over a second and reading its file 3 ms, so it is not imported.
    """
    spec = find_spec("sklearn")
    packaged = (
        Path(spec.origin if spec and spec.origin else "").parent / "datasets/data/digits.csv.gz"
    )
    if packaged.is_file():
        return np.loadtxt(packaged, delimiter=",", dtype=np.uint8)
    digits = import_module("sklearn.datasets").load_digits()
    return np.column_stack((digits.data, digits.target)).astype(np.uint8)


def _read_fashion_mnist(folder: Path) -> Arrays:
    places = (folder / "FashionMNIST/raw", folder, folder / "fashion-mnist", DEBIAN_FASHION_MNIST)
    for place in places:
        files = [_raw_or_gz(place / name) for name in IDX_FILES]
        if all(files):
            train_x, train_y, test_x, test_y = (read_idx(file) for file in files if file)
            return train_x, train_y, test_x, test_y
    return _read_through_torchvision(
        folder, name="fashion_mnist", looked_in=places, class_name="FashionMNIST"
    )


def _raw_or_gz(path: Path) -> Path | None:
    candidates = (path, path.with_name(path.name + ".gz"))
    return next((file for file in candidates if file.is_file()), None)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an array of bytes in the format of MNIST's files, compressed or not.

    Raises:
        MissingData: the file is damaged, or of another format.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise MissingData(
            f"{path}: cannot be read ({error}); delete it and get it again"
        ) from error
    start = 4 + 4 * data[3] if len(data) >= 4 else 4
    if len(data) < start or data[:3] != bytes((0, 0, IDX_UNSIGNED_BYTES)):
        raise MissingData(
            f"{path}: not an idx file of bytes (it begins with {data[:4].hex()!r}); get it again"
        )
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], dtype=">i4"))
    if len(data) - start != prod(shape):
        raise MissingData(
            f"{path}: holds {len(data) - start} bytes where its header says {shape}; "
            "delete it and get it again"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape).copy()


def _read_through_torchvision(
    folder: Path, *, name: str, class_name: str, looked_in: tuple[Path, ...] = ()
) -> Arrays:
    try:
        return read_or_download(class_name, folder)
    except FAILURES as error:
        places = looked_in or (folder,)
        raise MissingData(_how_to_get(name, folder, places, error)) from error


def _how_to_get(name: str, folder: Path, looked_in: tuple[Path, ...], reason: Exception) -> str:
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
            f"Looked in: {', '.join(map(str, looked_in))}",
            f"Tried to download it into {folder}: {reason}",
            f"To get it, {f'delete {own} and ' if damaged else ''}do one of these:",
            f"  - set {DATA_VARIABLE} to a folder that holds {info.layout}",
            f"  - {package if info.package else copy}",
            "  - connect this machine to the internet and try again: it is then downloaded",
        ]
    )


def _torchvision_reader(name: str, class_name: str) -> Callable[[Path], Arrays]:
    return partial(_read_through_torchvision, name=name, class_name=class_name)


DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo(
        num_classes=10, input_shape=(1, 8, 8), mean=(0.3058,), std=(0.3764,), read=_read_digits
    ),
    "fashion_mnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.2860,),
        std=(0.3530,),
        read=_read_fashion_mnist,
        layout="FashionMNIST/raw/*-ubyte or fashion-mnist/*-ubyte.gz",
        package="dataset-fashion-mnist",
    ),
    "mnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.1307,),
        std=(0.3081,),
        read=_torchvision_reader("mnist", "MNIST"),
        layout="MNIST/raw/*-ubyte",
    ),
    "cifar10": DatasetInfo(
        num_classes=10,
        input_shape=(3, 32, 32),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        read=_torchvision_reader("cifar10", "CIFAR10"),
        layout="cifar-10-batches-py/",
    ),
    "cifar100": DatasetInfo(
        num_classes=100,
        input_shape=(3, 32, 32),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        read=_torchvision_reader("cifar100", "CIFAR100"),
        layout="cifar-100-python/",
    ),
}
