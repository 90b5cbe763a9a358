"""What a configuration is called: its method, and the settings in which it differs from others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

TABLE = ["benchmark", "scenario", "num_tasks"]  # what a table of a comparison is about
SCHEDULE = "config.schedule"  # a list as long as the stream: told, not recited
LONGEST_VALUE = 60  # characters of a value in a name; trials named alike get their id beside it

# Hexadecimal digits of a trial's id as release 0.1 wrote it; today's id begins with it.
FORMER_DIGITS = 8


def former_id(trial_id: str) -> str:
    """Return the id by which release 0.1 knew a trial."""
    name, dash, digits = trial_id.rpartition("-")
    return f"{name}{dash}{digits[:FORMER_DIGITS]}"


def with_id(ids: pd.Series[str], given: str) -> pd.Series[bool]:
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
    first: pd.DataFrame, by: str, config: Sequence[str], within: Sequence[str] = ("sweep", *TABLE)
) -> list[str]:
    """Return a name for each configuration, given one row of each.

    Args:
        first: rows of the trials table, with `sweep`, `method` and `trial_id`.
        by: what they are called after: "method" (with what varies within it), "trial_id", or a
            column of `config`, which then always shows.
        config: the columns that may tell them apart.
        within: columns that must agree for rows to need telling apart.
    """
    result = first["trial_id"].copy()
    if by == "trial_id":
        return list(result)
    names = short_names(config)
    for (*_, method), rows in first.groupby([*within, "method"], sort=False):
        varying = [name for name in config if rows[name].nunique(dropna=False) > 1]
        shown = varying if by == "method" else [by, *(name for name in varying if name != by)]
        texts = [
            " ".join([str(method), *_settings(row, shown, names)]) for _, row in rows.iterrows()
        ]
        result[rows.index] = _told_apart(pd.Series(texts, index=rows.index), rows)
    return list(result)


def _told_apart(names: pd.Series[str], rows: pd.DataFrame) -> pd.Series[str]:
    """Add the sweep or the trial to equal names: one trial in two sweeps, values alike in print."""
    sweep, trial = " (" + rows["sweep"] + ")", " " + rows["trial_id"]
    for more in (sweep, trial, trial + sweep):
        longer = names + more
        names = longer.where(names.duplicated(keep=False) & ~longer.duplicated(keep=False), names)
    return names


def _settings(row: pd.Series[Any], columns: list[str], names: dict[str, str]) -> Iterator[str]:
    for column in columns:
        if not pd.isna(value := row[column]):
            yield f"{names[column]}={'per task' if column == SCHEDULE else value_text(value)}"


def value_text(value: object) -> str:
    """Return a value of a configuration as a sweep file would have it, reals to six digits."""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
