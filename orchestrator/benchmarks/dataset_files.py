"""Reads the files of data sets: digits, MNIST's format, and what torchvision downloads.

The only importer of torchvision, which takes a second, and only where it is needed.
"""

from __future__ import annotations

import gzip
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray

from orchestrator.errors import MissingData
from orchestrator.seeding import stratified_order, stream

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IDX_UNSIGNED_BYTES = 0x08

# Signatures of torchvision's own operators, as its C++ extension declares them.
SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

# What torchvision raises when files are missing, damaged, or cannot be downloaded.
FAILURES = (RuntimeError, OSError, ValueError, AssertionError, EOFError, HTTPException)
DOWNLOAD_SILENCE_SECONDS = 30.0

# train images, train labels, test images, test labels
Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def read_digits(_folder: Path) -> Arrays:
    """Read scikit-learn's digits; a fifth of them are test images."""
    table = _read_digits_table()
    y = table[:, -1].astype(np.int64)
    # Pixels come as 0..16; adding half a step rounds to the nearest of 0..255.
    x = ((table[:, :-1].astype(np.int64) * 255 + 8) // 16).astype(np.uint8)
    order = stratified_order(torch.from_numpy(y), stream(0, "digits", "test split")).numpy()
    num_test = round(len(y) * 0.2)
    test, train = np.sort(order[:num_test]), np.sort(order[num_test:])
    return x[train], y[train], x[test], y[test]


def _read_digits_table() -> NDArray[Any]:
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


def read_fashion_mnist(folder: Path) -> Arrays:
    """Read Fashion-MNIST from the first folder that has it, or download it."""
    for place in fashion_mnist_places(folder):
        files = [_find_file(place / name) for name in IDX_FILES]
        if all(files):
            train_x, train_y, test_x, test_y = (read_idx(file) for file in files if file)
            return train_x, train_y, test_x, test_y
    return read_or_download_dataset("FashionMNIST", folder)


def fashion_mnist_places(folder: Path) -> tuple[Path, ...]:
    """Return the folders that may hold Fashion-MNIST, given the folder of data sets."""
    return (folder / "FashionMNIST/raw", folder, folder / "fashion-mnist", DEBIAN_FASHION_MNIST)


def _find_file(path: Path) -> Path | None:
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


def import_torchvision() -> Any:
    """Return the torchvision package, importing it on first use.

    The wheel built for CUDA cannot load its C++ extension beside a CPU-only torch. Torchvision
    tolerates that, but then registers two operators that were never declared, and fails. Neither
    data sets nor networks use these operators, so declaring them is enough.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _remove_partial_import()
    for name, schema in SCHEMAS.items():
        # Only here, never before the first attempt: an extension that loads declares them itself,
        # and torch refuses to see an operator declared twice.
        torch.library.define(name, schema)
    return import_module("torchvision")


def _remove_partial_import() -> None:
    """Remove the modules of the failed import, so that the next one starts afresh."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def read_emnist_letters(folder: Path) -> Arrays:
    """Read the letters of EMNIST, capital and small ones together; its labels begin at 1."""
    train_x, train_y, test_x, test_y = read_or_download_dataset("EMNIST", folder, split="letters")
    return train_x, train_y - 1, test_x, test_y - 1


def read_svhn(folder: Path) -> Arrays:
    """Read SVHN's cropped digits, MATLAB files of X [32, 32, 3, N] and y [N, 1], where 10 is 0."""
    paths = [folder / f"{part}_32x32.mat" for part in ("train", "test")]
    if not all(path.is_file() for path in paths):
        svhn = import_torchvision().datasets.SVHN
        with download_lock(folder):
            for part in ("train", "test"):
                svhn(folder, split=part, download=True)
    parts = []
    for path in paths:
        content = import_module("scipy.io").loadmat(path)
        try:
            x, y = content["X"], content["y"]
        except KeyError as error:
            raise ValueError(f"{path} has no array {error}") from error
        parts += [x.transpose(3, 2, 0, 1), y.ravel().astype(np.int64) % 10]
    return parts[0], parts[1], parts[2], parts[3]


def read_or_download_dataset(class_name: str, folder: Path, **options: Any) -> Arrays:
    """Read a data set in torchvision's layout from `folder`, downloading it if necessary.

    Args:
        class_name: of torchvision.datasets.
        folder: of data sets.
        options: further arguments of the class.

    Raises:
        FAILURES: it is missing or damaged, and could not be downloaded; the cause of the exception
            is why it could not be read before the download.
    """
    from_torchvision = partial(getattr(import_torchvision().datasets, class_name), **options)
    try:
        return _read_arrays(from_torchvision, folder)
    except FAILURES as error:
        first_error = error
    try:
        with download_lock(folder):
            for train in (True, False):
                from_torchvision(folder, train=train, download=True)
            return _read_arrays(from_torchvision, folder)
    except FAILURES as error:
        raise error from first_error


def _read_arrays(from_torchvision: Any, folder: Path) -> Arrays:
    train, test = (from_torchvision(folder, train=train) for train in (True, False))
    train_x, test_x = _channels_first(train.data), _channels_first(test.data)
    return train_x, np.asarray(train.targets), test_x, np.asarray(test.targets)


def _channels_first(x: Any) -> NDArray[Any]:
    array = np.asarray(x)
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


@contextmanager
def download_lock(folder: Path) -> Iterator[None]:
    """Exclude other processes from the files, and end a download whose server is silent."""
    folder.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    with FileLock(folder / ".download.lock"):
        socket.setdefaulttimeout(DOWNLOAD_SILENCE_SECONDS)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)
