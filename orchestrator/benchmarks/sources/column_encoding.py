"""Columns of a table as features: numbers as they are or standardised, categories one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import (
    Array,
)
from orchestrator.benchmarks.sources.arrays.features import standardise_features
from orchestrator.errors import WrongData

if TYPE_CHECKING:  # pandas is slow to import, and few workers need it
    import pandas as pd


def encode_columns(
    train: pd.DataFrame, test: pd.DataFrame, columns: Sequence[str], standardise: bool, where: str
) -> tuple[Array, ...]:
    """Return the features [N, d] of training and test rows.

    A category that no training row has is 0 in all features of its column.

    Raises:
        WrongData: a column is neither numbers nor text, or text in training rows and other
            numbers in test rows.
    """
    parts: list[tuple[Array, Array]] = []
    for name in columns:
        one, other = train[name], test[name]
        if is_numeric(one) and is_numeric(other):
            parts.append(_numbers(one, other, standardise))
        elif is_numeric(one) or not _is_text(one) or _is_other_kind(one, other):
            raise WrongData(
                f"{where}: column {name!r} is {one.dtype} in training rows and {other.dtype} in "
                "test rows; columns must be numbers, or text"
            )
        else:
            values = sorted(set(map(str, one)))
            parts.append((_one_hot(one, values), _one_hot(other, values)))
    return tuple(np.column_stack(side) for side in zip(*parts, strict=True))


def is_numeric(column: pd.Series[Any]) -> bool:
    """Return whether a column of a table is numbers; categories and text are not."""
    return column.dtype.kind in "iufb"  # a category's is "O"


def _is_text(column: pd.Series[Any]) -> bool:
    return column.dtype.name == "category" or all(isinstance(value, str) for value in column)


def _is_other_kind(train: pd.Series[Any], test: pd.Series[Any]) -> bool:
    """Return whether test rows have numbers where training rows have text."""
    return is_numeric(test) and set(map(str, train)).isdisjoint(map(str, test))


def _numbers(train: pd.Series[Any], test: pd.Series[Any], standardise: bool) -> tuple[Array, Array]:
    if not standardise:
        return train.to_numpy(), test.to_numpy()
    one, other = standardise_features(
        train.to_numpy(np.float64)[:, None], test.to_numpy(np.float64)[:, None]
    )
    return one[:, 0], other[:, 0]


def _one_hot(column: pd.Series[Any], values: Sequence[str]) -> Array:
    cells = np.array(list(map(str, column)))
    return np.asarray(cells[:, None] == np.array(values), dtype=np.float32)
