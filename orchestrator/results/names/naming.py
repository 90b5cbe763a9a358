"""Names of configurations: the method, and the settings in which it differs from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from orchestrator.results.names.code_parts import code_texts
from orchestrator.results.names.settings_text import (
    concatenate,
    setting_texts,
    settings_text,
    short_names,
)
from orchestrator.results.pooling import TABLE


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
    # What varies in a table is in all of its labels, whichever method varies it.
    of_table = {i: varying for index, varying in tables for i in index}
    for rows in _split_by(first, [*within, "method"]):
        varying = {*_varying_columns(rows, config), *of_table[rows.index[0]]}
        shown = [by] if by in config else []
        shown += [name for name in config if name in varying and name != by]
        texts = concatenate(
            rows["method"].astype(str), [setting_texts(rows[c], names[c]) for c in shown]
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
        text = (result[rows.index] + " " + text).str.strip()
        # Within a table, equal settings with different code are different configurations.
        for _, part in rows.groupby(tables[rows.index], sort=False):
            if not text[part.index].is_unique:
                text[part.index] = _add_if_distinct(text[part.index], [code_texts(part)])
        result[rows.index] = text
    return result


def _split_by(rows: pd.DataFrame, by: Sequence[str]) -> list[pd.DataFrame]:
    return [part for _, part in rows.groupby(list(by), sort=False)] if by else [rows]


def _varying_columns(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [name for name in columns if rows[name].nunique(dropna=False) > 1]


def _add_trial_or_sweep(names: pd.Series[str], rows: pd.DataFrame) -> pd.Series[str]:
    """Add the code, the trial id or the sweep to equal names.

    Names are equal if the code differs, if values differ beyond the printed digits, or if two
    sweeps have the trial.
    """
    if names.is_unique:  # the usual case
        return names
    sweep, trial = " (" + rows["sweep"] + ")", " " + rows["trial_id"]
    return _add_if_distinct(names, [code_texts(rows), trial, sweep, trial + sweep])


def _add_if_distinct(names: pd.Series[str], texts: Sequence[pd.Series[str]]) -> pd.Series[str]:
    """Add to equal names the first of some texts with which they differ."""
    for more in texts:
        longer = names + more
        names = longer.where(names.duplicated(keep=False) & ~longer.duplicated(keep=False), names)
    return names
