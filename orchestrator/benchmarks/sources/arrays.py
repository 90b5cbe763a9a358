"""Arrays as they were read, and the checked arrays of a data set that are made of them.

Shape legend: N examples, c channels, h rows, w columns, d features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from orchestrator.benchmarks.sources.features import prepare_features, require_finite
from orchestrator.benchmarks.sources.labels import Label, check_classes, map_labels
from orchestrator.errors import WrongData
from orchestrator.seeding import stratified_order, stream

Array: TypeAlias = NDArray[Any]
# Returns an array of a name, shape and type to be filled.
Allocate: TypeAlias = Callable[[str, tuple[int, ...], Any], Array]

Statistics: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]

TEST_SHARE = 0.2
STANDARD: Statistics = ((0.0,), (1.0,))
CHUNK_BYTES = 2**24


@dataclass(frozen=True, eq=False)
class RawData:
    """What a form reads.

    Attributes:
        train_x, test_x: uint8 images [N, c, h, w], or features [N, d]; test_x may be None.
        train_y, test_y: labels [N], integers or text; None with test_x.
        names: names of the classes whose numbers are the labels; empty if labels are names.
        standardise: whether features are standardised, on training rows.
        held_out: whether the test examples were held out of one set of examples.
    """

    train_x: Array
    train_y: Array
    test_x: Array | None = None
    test_y: Array | None = None
    names: Sequence[str] = ()
    standardise: bool = False
    held_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a plan must know of a data set.

    Attributes:
        classes: the label of each class 0, 1, ... as it was given.
        input_shape: (c, h, w) of images, or (d,) of features.
        mean, std: per channel of the training pixels in [0, 1]; 0 and 1 for features.
    """

    classes: tuple[Label, ...]
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Arrays:
    """A checked data set: uint8 images or float32 features, and labels int64 0..C-1."""

    train_x: Array
    train_y: Array
    test_x: Array
    test_y: Array
    facts: Facts


def prepare_arrays(raw: RawData, where: str) -> Arrays:
    """Return the checked arrays of what was read from `where`.

    Without test examples a stratified fifth is held out, the same for everyone.

    Raises:
        WrongData: lengths differ, a feature is not finite, or the classes cannot be learned.
    """
    _check_lengths(raw, where)
    train_y, test_y, classes = map_labels(raw.train_y, raw.test_y, raw.names, where)
    train_x, test_x = raw.train_x, raw.test_x
    if test_x is None or test_y is None:
        train, test = hold_out(train_y)
        train_x, test_x = train_x[train], train_x[test]
        train_y, test_y = train_y[train], train_y[test]
    check_classes(train_y, test_y, classes, raw.held_out or raw.test_y is None, where)
    if train_x.ndim == 2:
        train_x, test_x = prepare_features(train_x, test_x, raw.standardise, where)
        statistics = STANDARD
    else:
        _check_images(train_x, test_x, where)
        statistics = pixel_statistics(train_x)
    mean, std = statistics
    facts = Facts(classes=classes, input_shape=tuple(train_x.shape[1:]), mean=mean, std=std)
    return Arrays(train_x, train_y, test_x, test_y, facts)


def hold_out(y: Array) -> tuple[Array, Array]:
    """Return the rows for training and, a stratified fifth, for testing: the same for everyone."""
    order = stratified_order(torch.from_numpy(y), stream(0, "test split")).numpy()
    num_test = round(TEST_SHARE * len(y))
    return np.sort(order[num_test:]), np.sort(order[:num_test])


def pixel_statistics(x: Array) -> Statistics:
    """Return mean and std per channel of uint8 images scaled to [0, 1], to 4 decimals."""
    rows = max(1, CHUNK_BYTES // max(1, x[0].size))
    counts = np.zeros((x.shape[1], 256), dtype=np.int64)
    for start in range(0, len(x), rows):
        for channel, count in enumerate(counts):
            pixels = x[start : start + rows, channel].ravel()
            count += np.bincount(pixels, minlength=256)
    levels = np.arange(256) / 255
    means = counts @ levels / counts.sum(axis=1)
    variances = (counts * (levels - means[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1)
    # Pixels that are all the same have no scale.
    stds = np.where(np.round(np.sqrt(variances), 4) > 0, np.sqrt(variances), 1.0)
    return _round(means), _round(stds)


def _round(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def _check_lengths(raw: RawData, where: str) -> None:
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


def _check_images(train_x: Array, test_x: Array, where: str) -> None:
    for part, x in (("train_x", train_x), ("test_x", test_x)):
        if x.ndim != 4 or x.dtype != np.uint8:
            raise WrongData(
                f"{where}: {part} is {x.dtype} {list(x.shape)}; valid: uint8 images [N, c, h, w], "
                "or features [N, d]"
            )
    if train_x.shape[1:] != test_x.shape[1:]:
        raise WrongData(
            f"{where}: training images are {list(train_x.shape[1:])} and test images "
            f"{list(test_x.shape[1:])}; bring them to one shape"
        )
