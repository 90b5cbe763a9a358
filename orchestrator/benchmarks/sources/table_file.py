"""The rows of a CSV or Parquet file, and its columns, checked."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from orchestrator.benchmarks.sources.column_encoding import is_numeric
from orchestrator.errors import MissingData, WrongData, suggest

if TYPE_CHECKING:  # pandas is slow to import, and few workers need it
    import pandas as pd

SEPARATORS = {".csv": ",", ".tsv": "\t"}
READERS = (*SEPARATORS, ".parquet")


def read_columns(path: Path, label: str, features: Sequence[str] | None) -> pd.DataFrame:
    """Return the columns of a table: the label and the features, or all.

    Raises:
        MissingData: the file cannot be read.
        WrongData: a column is not there, named twice, or has empty cells, or text among numbers.
    """
    rows = read_table_file(path)
    names = [str(name) for name in rows.columns]
    rows = rows.set_axis(names, axis="columns")
    header = names if path.suffix.lower() == ".parquet" else read_header(path)
    wanted = [name for name in names if name != label] if features is None else list(features)
    for field, name in (("label", label), *(("features", name) for name in wanted)):
        if names.count(name) != 1 or header.count(name) > 1:
            what = "no column" if name not in names else "several columns"
            raise WrongData(f"{path}: {field}: {what} {name!r}; {suggest(name, names)}")
    if not wanted or label in wanted or len(set(wanted)) < len(wanted):
        raise WrongData(
            f"{path}: features: {', '.join(wanted) or 'none'}; valid: at least one column besides "
            f"the label {label!r}, each once"
        )
    chosen = rows[[label, *wanted]]
    for name in (label, *wanted):
        require_no_gaps(chosen[name], str(path))
    if path.suffix.lower() != ".parquet":  # which has types: text is meant as text
        for name in wanted:
            require_one_kind(chosen[name], str(path))
    return chosen


def require_one_kind(column: pd.Series[Any], where: str) -> None:
    """Raise WrongData if most cells of a column are numbers and others are text."""
    import pandas as pd

    if is_numeric(column):
        return
    stray = pd.to_numeric(column, errors="coerce").isna().to_numpy()
    if 0 < stray.sum() < len(column) / 2:
        row = int(stray.argmax())
        more = f" and {stray.sum() - 1} more" if stray.sum() > 1 else ""
        raise WrongData(
            f"{where}: column {column.name!r} is numbers but for {column.iloc[row]!r} in row "
            f"{row + 1} after the header{more}; valid: a number in each row. Replace signs of "
            "missing values, such as ? or -, by numbers, or leave the column out of features; if "
            "it is meant as text, save the table as Parquet with a column of text"
        )


def require_no_gaps(column: pd.Series[Any], where: str) -> None:
    """Raise WrongData if a cell of a column is empty, or a number that is not finite."""
    empty = column.isna().to_numpy()
    if is_numeric(column) and not empty.any():
        empty = ~np.isfinite(column.to_numpy(np.float64))
    if empty.any():
        count = f"{empty.sum()} cells that are" if empty.sum() > 1 else "a cell that is"
        raise WrongData(
            f"{where}: column {column.name!r} has {count} empty or not finite, the first in row "
            f"{empty.argmax() + 1}; fill it, or leave the column out of features"
        )


def read_header(path: Path) -> list[str]:
    """Return the names of columns as a CSV file has them; pandas changes one that comes twice."""
    with path.open(encoding="utf-8-sig", newline="") as file, suppress(csv.Error):
        return next(csv.reader(file, delimiter=SEPARATORS[path.suffix.lower()]), [])
    return []


def read_table_file(path: Path) -> pd.DataFrame:
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
        return pd.read_csv(path, sep=SEPARATORS[suffix], low_memory=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise MissingData(f"{path}: cannot be read as a table: {reason}") from error
