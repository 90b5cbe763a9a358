"""Reads data sets in torchvision's layout, and downloads missing ones."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from orchestrator.benchmarks.sources.torchvision_import import import_torchvision

# What torchvision raises when files are missing, damaged, or cannot be downloaded.
TORCHVISION_ERRORS = (
    *(RuntimeError, OSError, ValueError, AssertionError, EOFError, HTTPException),
    pickle.UnpicklingError,  # a file of tensors that is none, and was not opened further
)
DOWNLOAD_SILENCE_SECONDS = 30.0  # without a byte; a slow download may take hours

# train images, train labels, test images, test labels
ReadArrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def read_emnist_letters(folder: Path) -> ReadArrays:
    """Read the letters of EMNIST, capital and small ones together; its labels begin at 1."""
    train_x, train_y, test_x, test_y = read_or_download_dataset("EMNIST", folder, split="letters")
    return train_x, train_y - 1, test_x, test_y - 1


def read_svhn(folder: Path) -> ReadArrays:
    """Read SVHN's cropped digits, MATLAB files of X [32, 32, 3, N] and y [N, 1], where 10 is 0."""
    paths = [folder / f"{part}_32x32.mat" for part in ("train", "test")]
    if not all(path.is_file() for path in paths):
        svhn = import_torchvision().datasets.SVHN
        with download_lock(folder):
            for part in ("train", "test"):
                svhn(folder, split=part, download=True)
    (train_x, train_y), (test_x, test_y) = map(_read_svhn_part, paths)
    return train_x, train_y, test_x, test_y


def _read_svhn_part(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    content = import_module("scipy.io").loadmat(path)
    try:
        x, y = content["X"], content["y"]
    except KeyError as error:
        raise ValueError(f"{path} has no array {error}") from error
    return x.transpose(3, 2, 0, 1), y.ravel().astype(np.int64) % 10


def read_or_download_dataset(class_name: str, folder: Path, **options: Any) -> ReadArrays:
    """Read a data set in torchvision's layout from `folder`, downloading it if necessary.

    Args:
        class_name: of torchvision.datasets.
        folder: of data sets.
        options: further arguments of the class.

    Raises:
        TORCHVISION_ERRORS: it is missing or damaged, and could not be downloaded; the cause of the
            exception is why it could not be read before the download.
    """
    from_torchvision = partial(getattr(import_torchvision().datasets, class_name), **options)
    try:
        return _read_arrays(from_torchvision, folder)
    except TORCHVISION_ERRORS as error:
        first_error = error
    try:
        with download_lock(folder):
            for train in (True, False):
                from_torchvision(folder, train=train, download=True)
            return _read_arrays(from_torchvision, folder)
    except TORCHVISION_ERRORS as error:
        raise error from first_error


def _read_arrays(from_torchvision: Any, folder: Path) -> ReadArrays:
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
        # torchvision sets no limit: with a silent server it would wait for ever.
        socket.setdefaulttimeout(DOWNLOAD_SILENCE_SECONDS)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)
