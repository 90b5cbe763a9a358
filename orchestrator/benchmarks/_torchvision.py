"""The one place that imports torchvision, and only when asked: it takes a second, or a repair."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray

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


def torchvision() -> Any:
    """Return the torchvision package, importing it on first use.

    The wheel built for CUDA cannot load its C++ extension beside a CPU-only torch. Torchvision
    bears that, except that it then describes two operators that nobody has declared, and fails.
    Neither data sets nor networks use these operators, so declaring them is enough.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _forget_half_an_import()
    for name, schema in SCHEMAS.items():
        # Only here, never before the first attempt: an extension that loads declares them itself,
        # and torch refuses to see an operator declared twice.
        torch.library.define(name, schema)
    return import_module("torchvision")


def _forget_half_an_import() -> None:
    """Drop what the failed import left behind, so that the next one starts from nothing."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def read_or_download(class_name: str, folder: Path) -> Arrays:
    """Read a data set from torchvision's own layout in `folder`, downloading it there if need be.

    Raises:
        FAILURES: it is not there, or is damaged, and could not be downloaded; its cause is why it
            could not be read as it is.
    """
    from_torchvision = getattr(torchvision().datasets, class_name)
    try:
        return _arrays(from_torchvision, folder)
    except FAILURES as error:
        as_it_is = error
    try:
        with _one_download_at_a_time(folder):
            for train in (True, False):
                from_torchvision(folder, train=train, download=True)
            return _arrays(from_torchvision, folder)
    except FAILURES as error:
        raise error from as_it_is


def _arrays(from_torchvision: Any, folder: Path) -> Arrays:
    train, test = (from_torchvision(folder, train=train) for train in (True, False))
    train_x, test_x = _channels_first(train.data), _channels_first(test.data)
    return train_x, np.asarray(train.targets), test_x, np.asarray(test.targets)


def _channels_first(x: Any) -> NDArray[Any]:
    array = np.asarray(x)
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


@contextmanager
def _one_download_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other processes from writing the same files, and a silent server from hanging us."""
    folder.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    with FileLock(folder / ".download.lock"):
        socket.setdefaulttimeout(DOWNLOAD_SILENCE_SECONDS)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)
