"""A table of numbers and categories, or of pixels: a CSV or Parquet file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from orchestrator.benchmarks.sources.arrays.arrays import Allocate, Array, RawData
from orchestrator.benchmarks.sources.arrays.image_arrays import as_images
from orchestrator.benchmarks.sources.arrays.labels import map_labels
from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.benchmarks.sources.column_encoding import encode_columns
from orchestrator.benchmarks.sources.files import stamp_files
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.benchmarks.sources.table_file import read_columns

if TYPE_CHECKING:  # pandas is slow to import, and few workers need it
    import pandas as pd


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
        train, test = hold_out_test(numbers)
        return self._encode(rows.iloc[train], rows.iloc[test], columns, held_out=True)

    def _encode(
        self, train: pd.DataFrame, test: pd.DataFrame, columns: list[str], held_out: bool
    ) -> RawData:
        standardise = self.standardise and self.shape is None
        x = encode_columns(train, test, columns, standardise, self.where)
        if self.shape is not None:
            x = tuple(as_images(each, self.shape, self.where) for each in x)
        y = (_labels(train, self.label), _labels(test, self.label))
        return RawData(x[0], y[0], x[1], y[1], held_out=held_out)


def _labels(rows: pd.DataFrame, name: str) -> Array:
    return np.asarray(rows[name].to_list())
