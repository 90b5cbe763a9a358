"""A table of numbers and categories, or of pixels: a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from orchestrator.benchmarks.sources.arrays import (
    Allocate,
    Array,
    RawData,
    hold_out,
)
from orchestrator.benchmarks.sources.features import standardise_features
from orchestrator.benchmarks.sources.forms import Form, as_images, stamp_files
from orchestrator.benchmarks.sources.labels import map_labels
from orchestrator.errors import MissingData, WrongData, suggest

if TYPE_CHECKING:  # pandas is slow to import, and few workers need it
    import pandas as pd

READERS = (".csv", ".tsv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Table(Form):
    """A table with a row for each example.

    Numbers are standardised, and text and categories become one feature for each value that the
    training rows have.

    Attributes:
        table: a CSV or Parquet file.
        label: the column of the labels.
        features: the columns to learn from; left out, all but the label.
        test: a file of test rows; left out, a stratified fifth of the rows is held out.
        shape: (channels, rows, columns) of images whose pixels are the features.
        standardise: whether numbers get mean 0 and std 1, as on the training rows.
    """

    table: str
    label: str
    features: tuple[str, ...] | None = None
    test: str | None = None
    shape: tuple[int, int, int] | None = None
    standardise: bool = True
    paths: ClassVar[tuple[str, ...]] = ("table", "test")

    def stamps(self) -> list[Any]:
        """Return size and time of the files."""
        return stamp_files(Path(path) for path in (self.table, self.test) if path)

    def read(self, allocate: Allocate) -> RawData:
        """Read the files and encode their columns."""
        train = read_columns(Path(self.table), self.label, self.features)
        columns = [name for name in train.columns if name != self.label]
        if self.test is None:
            return self._split(train, columns)
        test = read_columns(Path(self.test), self.label, columns)
        return self._encode(train, test, columns, held_out=False)

    def _split(self, rows: pd.DataFrame, columns: list[str]) -> RawData:
        numbers, _, _ = map_labels(_labels(rows, self.label), None, (), self.where)
        train, test = hold_out(numbers)
        return self._encode(rows.iloc[train], rows.iloc[test], columns, held_out=True)

    def _encode(
        self, train: pd.DataFrame, test: pd.DataFrame, columns: list[str], held_out: bool
    ) -> RawData:
        """Return the arrays of training and test rows."""
        standardise = self.standardise and self.shape is None
        x = encode_columns(train, test, columns, standardise, self.where)
        if self.shape is not None:
            x = tuple(as_images(each, self.shape, self.where) for each in x)
        y = (_labels(train, self.label), _labels(test, self.label))
        return RawData(x[0], y[0], x[1], y[1], held_out=held_out)


def read_columns(path: Path, label: str, features: Sequence[str] | None) -> pd.DataFrame:
    """Return the columns of a table: the label and the features, or all.

    Raises:
        MissingData: the file cannot be read.
        WrongData: a column is not there, named twice, or has empty cells.
    """
    rows = read_table(path)
    names = [str(name) for name in rows.columns]
    rows = rows.set_axis(names, axis="columns")
    wanted = [name for name in names if name != label] if features is None else list(features)
    for field, name in (("label", label), *(("features", name) for name in wanted)):
        if names.count(name) != 1:
            what = "no column" if name not in names else "several columns"
            raise WrongData(f"{path}: {field}: {what} {name!r}; {suggest(name, names)}")
    if not wanted or label in wanted or len(set(wanted)) < len(wanted):
        raise WrongData(
            f"{path}: features: {', '.join(wanted) or 'none'}; valid: at least one column besides "
            f"the label {label!r}, each once"
        )
    chosen = rows[[label, *wanted]]
    for name in (label, *wanted):
        _require_no_gaps(chosen[name], path)
    return chosen


def _require_no_gaps(column: pd.Series[Any], path: Path) -> None:
    empty = column.isna().to_numpy()
    if _is_number(column) and not empty.any():
        empty = ~np.isfinite(column.to_numpy(np.float64))
    if empty.any():
        count = f"{empty.sum()} cells that are" if empty.sum() > 1 else "a cell that is"
        raise WrongData(
            f"{path}: column {column.name!r} has {count} empty or not finite, the first in row "
            f"{empty.argmax() + 1}; fill it, or leave the column out of features"
        )


def read_table(path: Path) -> pd.DataFrame:
    """Return the rows of a CSV or Parquet file.

    Raises:
        MissingData: it is of another format, or damaged.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise MissingData(f"{path}: is no table; valid: a file that ends in {', '.join(READERS)}")
    try:
        if suffix == ".parquet":
            rows = pq.read_table(path.absolute(), partitioning=None).to_pandas()
            return cast("pd.DataFrame", rows)
        return pd.read_csv(path, sep="\t" if suffix == ".tsv" else ",")
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise MissingData(f"{path}: cannot be read as a table: {reason}") from error


def encode_columns(
    train: pd.DataFrame, test: pd.DataFrame, columns: Sequence[str], standardise: bool, where: str
) -> tuple[Array, ...]:
    """Return the features [N, d] of training and test rows.

    A category that no training row has is 0 in all features of its column.

    Raises:
        WrongData: a column is neither numbers nor text.
    """
    parts: list[tuple[Array, Array]] = []
    for name in columns:
        one, other = train[name], test[name]
        if _is_number(one) and _is_number(other):
            parts.append(_numbers(one, other, standardise))
        elif _is_number(one) or not _is_text(one):
            raise WrongData(
                f"{where}: column {name!r} is {one.dtype} in training rows and {other.dtype} in "
                "test rows; columns must be numbers, or text"
            )
        else:
            values = sorted(set(map(str, one)))
            parts.append((_one_hot(one, values), _one_hot(other, values)))
    return tuple(np.column_stack(side) for side in zip(*parts, strict=True))


def _is_number(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iufb"  # a category's is "O"


def _is_text(column: pd.Series[Any]) -> bool:
    return column.dtype.name == "category" or all(isinstance(value, str) for value in column)


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


def _labels(rows: pd.DataFrame, name: str) -> Array:
    return np.asarray(rows[name].to_list())
