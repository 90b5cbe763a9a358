"""Names of configurations: the method, and the settings in which it differs from others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.results.pooling import TABLE

SCHEDULE = "config.schedule"  # a list as long as the stream, so names mention it without its values
MAX_VALUE_LENGTH = 60  # characters in a name; trials of equal names get their id added

# Hexadecimal digits of a trial's id in release 0.1; the present id begins with that one.
FORMER_DIGITS = 8


def former_id(trial_id: str) -> str:
    """Return the id of a trial in release 0.1."""
    name, dash, digits = trial_id.rpartition("-")
    return f"{name}{dash}{digits[:FORMER_DIGITS]}"


def match_id(ids: pd.Series[str], given: str) -> pd.Series[bool]:
    """Return which of `ids` equal `given`, in the present form or in that of release 0.1."""
    if (ids == given).any():
        return ids == given
    return ids.map(lambda trial_id: trial_id == former_id(given) or given == former_id(trial_id))


def short_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the short name of each `config.*` column, without its section if that is unambiguous.

    `config.benchmark.scenario` is `scenario`, `config.network.name` is `network`. If two columns
    have one short name, the method's column keeps it and the other keeps its section.
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
    section, _, name = column.removeprefix("config.").partition(".")
    return section if name in ("", "name") else name


def labels(
    first: pd.DataFrame,
    by: str,
    config: Sequence[str],
    within: Sequence[str] = ("sweep", *TABLE),
    common: Sequence[str] = (),
) -> list[str]:
    """Return a name for each configuration.

    Args:
        first: one row of the trials table for each configuration.
        by: "method" (with the settings that vary within a method), "trial_id", or a column of
            `config`, which is then part of every name.
        config: the columns that names may have.
        within: columns of a table; only rows that agree in them need different names.
        common: columns that are part of all names of a table if they vary in it.
    """
    result = first["trial_id"].copy()
    if by == "trial_id":
        return list(result)
    names = short_names(config)
    tables = [
        (rows.index, set(_varying_columns(rows, common))) for rows in _split_by(first, within)
    ]
    of_table = {i: varying for index, varying in tables for i in index}
    for rows in _split_by(first, [*within, "method"]):
        varying = {*_varying_columns(rows, config), *of_table[rows.index[0]]}
        shown = [by] if by in config else []
        shown += [name for name in config if name in varying and name != by]
        texts = _concatenate(
            rows["method"].astype(str), [_setting_texts(rows[c], names[c]) for c in shown]
        )
        result[rows.index] = _add_trial_or_sweep(texts, rows)
    return list(result)


def names_across_tables(
    first: pd.DataFrame, tables: pd.Series[Any], config: Sequence[str]
) -> pd.Series[str]:
    """Return a name for each configuration that is the same in all tables.

    A label has the settings that vary in its own table; this name has those that vary in any table.

    Args:
        first: one row for each configuration.
        tables: the table of each row.
        config: the columns that names may have.
    """
    result = first["method"].astype(str)
    for rows in _split_by(first, ["method"]):
        within = [
            set(_varying_columns(part, config)) for _, part in rows.groupby(tables[rows.index])
        ]
        varying = set[str]().union(*within)
        text = settings_text(rows, [name for name in config if name in varying])
        result[rows.index] = (result[rows.index] + " " + text).str.strip()
    return result


def settings_text(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """Return the settings of each row as text: `lam=100 lr=0.1`."""
    names = short_names([str(name) for name in rows if str(name).startswith("config.")])
    empty = pd.Series("", index=rows.index, dtype=object)
    return _concatenate(empty, [_setting_texts(rows[c], names[c]) for c in columns]).str.strip()


def _split_by(rows: pd.DataFrame, by: Sequence[str]) -> list[pd.DataFrame]:
    return [part for _, part in rows.groupby(list(by), sort=False)] if by else [rows]


def _varying_columns(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [name for name in columns if rows[name].nunique(dropna=False) > 1]


def _concatenate(first: pd.Series[str], parts: Sequence[pd.Series[str]]) -> pd.Series[str]:
    for part in parts:
        first = first + part
    return first


def _setting_texts(column: pd.Series[Any], name: str) -> pd.Series[str]:
    """Return ` name=value` for each row; empty without a value."""
    if column.name == SCHEDULE:
        return column.isna().map({True: "", False: f" {name}=per task"})
    texts = ["" if pd.isna(value) else f" {name}={value_text(value)}" for value in column]
    return pd.Series(texts, index=column.index, dtype=object)


def _add_trial_or_sweep(names: pd.Series[str], rows: pd.DataFrame) -> pd.Series[str]:
    """Add the trial id or the sweep to equal names.

    Names are equal if values differ beyond the printed digits, or if two sweeps have the trial.
    """
    sweep, trial = " (" + rows["sweep"] + ")", " " + rows["trial_id"]
    for more in (trial, sweep, trial + sweep):
        longer = names + more
        names = longer.where(names.duplicated(keep=False) & ~longer.duplicated(keep=False), names)
    return names


def value_text(value: object) -> str:
    """Return a value of a configuration as in a sweep file; reals have six digits."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"
