"""Checks of the arrays that were read: lengths, shapes and types."""

from __future__ import annotations

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Array, RawData
from orchestrator.benchmarks.sources.arrays.features import require_finite
from orchestrator.errors import WrongData


def check_lengths(raw: RawData, where: str) -> None:
    """Raise WrongData unless there are examples, with finite features and a label for each."""
    for part, x, y in (("train", raw.train_x, raw.train_y), ("test", raw.test_x, raw.test_y)):
        if (x is None) != (y is None):
            raise WrongData(f"{where}: has one of {part}_x and {part}_y; give both or neither")
        if x is None or y is None:
            continue
        if y.ndim != 1 or x.ndim == 0 or len(x) != len(y):
            raise WrongData(
                f"{where}: {part}_x has the shape {list(x.shape)} and {part}_y {list(y.shape)}; "
                "give one label for each example"
            )
        if x.ndim == 2 and x.dtype.kind == "f":
            require_finite(x, f"{where}: {part}_x")
        if len(y) == 0:
            raise WrongData(f"{where}: has no {part} examples; give at least one of each class")


def check_images(train_x: Array, test_x: Array, where: str) -> None:
    """Raise WrongData unless training and test images are uint8 [N, c, h, w] of one shape."""
    _check_part(train_x, f"{where}: train_x")
    _check_part(test_x, f"{where}: test_x")
    if train_x.shape[1:] != test_x.shape[1:]:
        raise WrongData(
            f"{where}: training images are {list(train_x.shape[1:])} and test images "
            f"{list(test_x.shape[1:])}; bring them to one shape"
        )


def _check_part(x: Array, what: str) -> None:
    if x.ndim != 4 or x.dtype != np.uint8:
        raise WrongData(
            f"{what} is {x.dtype} {list(x.shape)}; valid: uint8 images [N, c, h, w], or "
            "features [N, d]"
        )
    if 0 in x.shape:
        raise WrongData(
            f"{what} has the shape {list(x.shape)}; images need at least 1 channel, 1 row and "
            "1 column"
        )
