"""Values of the hyperparameters of configurations as text: `lam=100 lr=0.1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.hashing import is_digest

SCHEDULE = "config.schedule"  # a list as long as the stream, so names mention it without its values
DIGEST_DIGITS = 8
MAX_VALUE_LENGTH = 60  # characters in a name; trials of equal names get their id added


def short_column_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the short name of each `config.*` column, without its section if that is unambiguous.

    `config.benchmark.scenario` is `scenario`, `config.network.name` is `network`, and
    `config.network.weights.digest` is `weights`. If two columns have one short name, the method's
    column keeps it and the other keeps its section.
    """
    shortest = {column: _short_name(column) for column in columns}
    times = Counter(shortest.values())
    return {
        column: name
        if times[name] == 1 or column.startswith("config.method.")
        else column.removeprefix("config.")
        for column, name in shortest.items()
    }


def _short_name(column: str) -> str:
    section, _, name = column.removeprefix("config.").removesuffix(".digest").partition(".")
    return section if name in ("", "name") else name


def names_of_values(rows: pd.DataFrame, config: Sequence[str], by: str = "") -> dict[str, str]:
    """Return the short names of columns that have a value; those of other rows alone do not count.

    Args:
        rows: of the trials table.
        config: the columns.
        by: a column that has a name in any case.
    """
    return short_column_names([name for name in config if name == by or rows[name].notna().any()])


def hyperparameter_text(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """Return the values of each row as text: `lam=100 lr=0.1`."""
    names = short_column_names([str(name) for name in rows if str(name).startswith("config.")])
    empty = pd.Series("", index=rows.index, dtype=object)
    return concatenate(empty, [column_texts(rows[c], names[c]) for c in columns]).str.strip()


def concatenate(first: pd.Series[str], parts: Sequence[pd.Series[str]]) -> pd.Series[str]:
    """Return the texts of several columns joined, row by row."""
    for part in parts:
        first = first + part
    return first


def column_texts(column: pd.Series[Any], name: str) -> pd.Series[str]:
    """Return ` name=value` for each row; empty without a value."""
    # A schedule has a value for each task, too many for a name.
    if column.name == SCHEDULE:
        return column.isna().map({True: "", False: f" {name}=per task"})
    texts = ["" if pd.isna(value) else f" {name}={value_text(value)}" for value in column]
    return pd.Series(texts, index=column.index, dtype=object)


def value_text(value: object) -> str:
    """Return a value as in a sweep file; reals have six digits, digests eight."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if is_digest(text):  # of a file's content, such as weights
        return text[:DIGEST_DIGITS]
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"
