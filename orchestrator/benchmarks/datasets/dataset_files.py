"""Reads the files of digits and of Fashion-MNIST, whose format is that of MNIST."""

from __future__ import annotations

import gzip
import zlib
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from orchestrator.benchmarks.sources.torchvision_files import ReadArrays, read_or_download_dataset
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


def read_digits(_folder: Path) -> ReadArrays:
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


def read_fashion_mnist(folder: Path) -> ReadArrays:
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
    # Two zeros, the type, the number of dimensions, then four bytes for each of them.
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
