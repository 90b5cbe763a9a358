"""Features: numbers in rows, checked and standardised.

Shape legend: N examples, d features.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import WrongData

Array: TypeAlias = NDArray[Any]

DIGITS = 6  # of the std of a feature, after the first


def require_finite(x: Array, where: str) -> None:
    """Raise unless all features are finite.

    Raises:
        WrongData: names the first that is not.
    """
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        count = f"{len(bad)} values that are" if len(bad) > 1 else "a value that is"
        raise WrongData(
            f"{where} has {count} not finite, the first in row {row}, feature {column} (from 0); "
            "fill or remove them"
        )


def prepare_features(
    train_x: Array, test_x: Array, standardise: bool, where: str
) -> tuple[Array, Array]:
    """Return the features of training and test rows as float32 [N, d].

    Raises:
        WrongData: they are no numbers, or training and test rows differ in d.
    """
    if test_x.ndim != 2 or train_x.shape[1] != test_x.shape[1] or train_x.shape[1] == 0:
        raise WrongData(
            f"{where}: training features are {list(train_x.shape)} and test features "
            f"{list(test_x.shape)}; valid: [N, d], with the same d"
        )
    _require_numbers(train_x, f"{where}: features train_x")
    _require_numbers(test_x, f"{where}: features test_x")
    with np.errstate(over="ignore", invalid="ignore"):
        if standardise:
            train_x, test_x = standardise_features(train_x, test_x)
        pair = [np.ascontiguousarray(each, dtype=np.float32) for each in (train_x, test_x)]
    if not all(np.isfinite(each).all() for each in pair):
        raise WrongData(f"{where}: features are too large for 32 bits; scale them")
    return pair[0], pair[1]


def standardise_features(train_x: Array, test_x: Array) -> tuple[Array, Array]:
    """Return features with mean 0 and std 1 on the training rows; a constant becomes 0.

    Mean and std are rounded to a millionth of the std, so that another order of summation, as
    other processors have, gives the same features.
    """
    train, test = train_x.astype(np.float64), test_x.astype(np.float64)
    means, stds = train.mean(axis=0), train.std(axis=0)
    if not np.isfinite(stds).all():
        return train, test  # too large, which the caller reports
    # A constant may have a std that is the rounding of its mean.
    stds = np.where(stds > 1e-12 * np.maximum(1.0, np.abs(means)), stds, 1.0)
    digits = (DIGITS - np.floor(np.log10(stds))).astype(int).tolist()
    mean, std = (
        np.array([round(value, places) for value, places in zip(values, digits, strict=True)])
        for values in (means.tolist(), stds.tolist())
    )
    return (train - mean) / std, (test - mean) / std


def _require_numbers(x: Array, what: str) -> None:
    if not (np.issubdtype(x.dtype, np.number) or x.dtype == bool) or np.iscomplexobj(x):
        raise WrongData(f"{what} are {x.dtype}; they must be numbers")
