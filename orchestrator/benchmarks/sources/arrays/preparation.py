"""The checked arrays of a data set, prepared from the arrays of a source."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch

from orchestrator.benchmarks.sources.arrays.array_checks import check_images, check_lengths
from orchestrator.benchmarks.sources.arrays.arrays import Array, Arrays, Facts, RawData
from orchestrator.benchmarks.sources.arrays.features import prepare_features
from orchestrator.benchmarks.sources.arrays.labels import check_classes, map_labels
from orchestrator.seeding import stratified_order, stream

Statistics: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]

TEST_SHARE = 0.2  # of data without a test set
STANDARD: Statistics = ((0.0,), (1.0,))
CHUNK_BYTES = 2**24  # so that the statistics of a memory-mapped data set need little memory


def prepare_arrays(raw: RawData, where: str) -> Arrays:
    """Return the checked arrays of a source, named `where` in messages.

    Without test examples a stratified fifth is held out, the same for everyone.

    Raises:
        WrongData: lengths differ, a feature is not finite, or the classes cannot be learned.
    """
    check_lengths(raw, where)
    train_y, test_y, classes = map_labels(raw.train_y, raw.test_y, raw.names, where)
    train_x, test_x = raw.train_x, raw.test_x
    if test_x is None or test_y is None:
        train, test = hold_out_test(train_y)
        train_x, test_x = train_x[train], train_x[test]
        train_y, test_y = train_y[train], train_y[test]
    check_classes(train_y, test_y, classes, raw.held_out or raw.test_y is None, where)
    if train_x.ndim == 2:
        train_x, test_x = prepare_features(train_x, test_x, raw.standardise, where)
        statistics = STANDARD
    else:
        check_images(train_x, test_x, where)
        statistics = pixel_statistics(train_x)
    mean, std = statistics
    facts = Facts(classes=classes, input_shape=tuple(train_x.shape[1:]), mean=mean, std=std)
    return Arrays(train_x, train_y, test_x, test_y, facts)


def hold_out_test(y: Array) -> tuple[Array, Array]:
    """Return the rows for training and, a stratified fifth, for testing: the same for everyone."""
    order = stratified_order(torch.from_numpy(y), stream(0, "test split")).numpy()
    num_test = round(TEST_SHARE * len(y))
    return np.sort(order[num_test:]), np.sort(order[:num_test])


def pixel_statistics(x: Array) -> Statistics:
    """Return mean and std per channel of uint8 images scaled to [0, 1], to 4 decimals."""
    rows = max(1, CHUNK_BYTES // max(1, x[0].size))
    # By counts of the 256 values, which are exact whatever the chunks.
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
