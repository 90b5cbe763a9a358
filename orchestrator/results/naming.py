"""What a configuration is called: its method, and the settings in which it differs from others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.results.pooling import TABLE as TABLE

SCHEDULE = "config.schedule"  # a list as long as the stream: told, not recited
LONGEST_VALUE = 60  # characters of a value in a name; trials named alike get their id beside it

# Hexadecimal digits of a trial's id as release 0.1 wrote it; today's id begins with it.
FORMER_DIGITS = 8


def former_id(trial_id: str) -> str:
    """Return the id by which release 0.1 knew a trial."""
    name, dash, digits = trial_id.rpartition("-")
    return f"{name}{dash}{digits[:FORMER_DIGITS]}"


def has_id(ids: pd.Series[str], given: str) -> pd.Series[bool]:
    """Return which of `ids` are `given`, each in its present form or in that of release 0.1."""
    if (ids == given).any():
        return ids == given
    return ids.map(lambda known: known == former_id(given) or given == former_id(known))


def short_names(columns: Iterable[str]) -> dict[str, str]:
    """Return what each `config.*` column is called: without its section, where that is clear.

    `config.benchmark.scenario` is `scenario`, `config.network.name` is `network`. Where two would
    be called alike, the method's own keeps the short name and the other its section.
    """
    shortest = {column: _shortest(column) for column in columns}
    times = Counter(shortest.values())
    return {
        column: name
        if times[name] == 1 or column.startswith("config.method.")
        else column.removeprefix("config.")
        for column, name in shortest.items()
    }


def _shortest(column: str) -> str:
    section, _, name = column.removeprefix("config.").partition(".")
    return section if name in ("", "name") else name


def labels(
    first: pd.DataFrame,
    by: str,
    config: Sequence[str],
    within: Sequence[str] = ("sweep", *TABLE),
    common: Sequence[str] = (),
) -> list[str]:
    """Return a name for each configuration, given one row of each.

    Args:
        first: rows of the trials table, with `sweep`, `method` and `trial_id`.
        by: what they are called after: "method" (with what varies within it), "trial_id", or a
            column of `config`, which then always shows.
        config: the columns that may tell them apart.
        within: columns that must agree for rows to need telling apart.
        common: columns that show on all rows of a table if they vary in it, whatever the method.
    """
    result = first["trial_id"].copy()
    if by == "trial_id":
        return list(result)
    names = short_names(config)
    tables = [(rows.index, set(_varying(rows, common))) for rows in _groups(first, within)]
    of_table = {i: varying for index, varying in tables for i in index}
    for rows in _groups(first, [*within, "method"]):
        varying = {*_varying(rows, config), *of_table[rows.index[0]]}
        shown = [by] if by in config else []
        shown += [name for name in config if name in varying and name != by]
        texts = _concatenate(
            rows["method"].astype(str), [_settings(rows[c], names[c]) for c in shown]
        )
        result[rows.index] = _add_trial_or_sweep(texts, rows)
    return list(result)


def names_over_tables(
    first: pd.DataFrame, tables: pd.Series[Any], config: Sequence[str]
) -> pd.Series[str]:
    """Return a name for each configuration that is the same in every table.

    A label has what varies in its own table; this name has what varies in any table of the method.

    Args:
        first: one row of each configuration.
        tables: the table that each belongs to.
        config: the columns that may tell them apart.
    """
    result = first["method"].astype(str)
    for rows in _groups(first, ["method"]):
        within = [set(_varying(part, config)) for _, part in rows.groupby(tables[rows.index])]
        varying = set[str]().union(*within)
        text = settings(rows, [name for name in config if name in varying])
        result[rows.index] = (result[rows.index] + " " + text).str.strip()
    return result


def settings(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """Return columns of a configuration as text for each row: `lam=100 lr=0.1`."""
    names = short_names([str(name) for name in rows if str(name).startswith("config.")])
    empty = pd.Series("", index=rows.index, dtype=object)
    return _concatenate(empty, [_settings(rows[c], names[c]) for c in columns]).str.strip()


def _groups(rows: pd.DataFrame, by: Sequence[str]) -> list[pd.DataFrame]:
    return [part for _, part in rows.groupby(list(by), sort=False)] if by else [rows]


def _varying(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [name for name in columns if rows[name].nunique(dropna=False) > 1]


def _concatenate(first: pd.Series[str], parts: Sequence[pd.Series[str]]) -> pd.Series[str]:
    for part in parts:
        first = first + part
    return first


def _settings(column: pd.Series[Any], name: str) -> pd.Series[str]:
    """Return ` name=value` for each row, empty where there is no value."""
    if column.name == SCHEDULE:
        return column.isna().map({True: "", False: f" {name}=per task"})
    texts = ["" if pd.isna(value) else f" {name}={value_text(value)}" for value in column]
    return pd.Series(texts, index=column.index, dtype=object)


def _add_trial_or_sweep(names: pd.Series[str], rows: pd.DataFrame) -> pd.Series[str]:
    """Add the trial, or the sweep, to equal names: values alike in print, one trial in two."""
    sweep, trial = " (" + rows["sweep"] + ")", " " + rows["trial_id"]
    for more in (trial, sweep, trial + sweep):
        longer = names + more
        names = longer.where(names.duplicated(keep=False) & ~longer.duplicated(keep=False), names)
    return names


def value_text(value: object) -> str:
    """Return a value of a configuration as a sweep file would have it, reals to six digits."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
