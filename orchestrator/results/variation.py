"""Columns whose values differ between rows, and the parts of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd


def varying_columns(rows: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return those of some columns that have several values, counting a missing one, in order.

    Where parts of a table are gone through, first reduce the columns to those that vary in all of
    it: the others vary in no part, and each column of each part takes some 0.06 ms.
    """
    return [name for name in columns if rows[name].nunique(dropna=False) > 1]


def split_by(rows: pd.DataFrame, by: Sequence[str] | pd.Series[Any]) -> list[pd.DataFrame]:
    """Return the rows of each value of some columns or of a series."""
    by = by if isinstance(by, pd.Series) else [*by]
    return [part for _, part in rows.groupby(by, sort=False)] if len(by) else [rows]
