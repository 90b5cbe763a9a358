"""The columns and the order of the rows of a comparison, as a user asks for them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from orchestrator.columns import COLUMNS, LATE_STORAGE, is_small_better
from orchestrator.errors import UnknownName
from orchestrator.results.comparison import VALUES

# Beside VALUES, and averaged only if they are asked for.
FURTHER = (*LATE_STORAGE, "saved_flops")
# By the names of the tables, and by those that a table for people prints.
NAMES = {
    **{COLUMNS[name].label.lower(): name for name in (*VALUES, *FURTHER)},
    **{name: name for name in (*VALUES, *FURTHER)},
}
LABEL, COUNT = "method", "n"


def values_with(names: Iterable[str]) -> tuple[str, ...]:
    """Return what a comparison averages: the usual values, and those of FURTHER that are named."""
    named = {NAMES.get(name.strip().lower()) for name in names}
    return (*VALUES, *(value for value in FURTHER if value in named))


def with_columns(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return a comparison that prints the given values alone, in this order.

    "method" and "n" are printed in any case, in their places.

    Raises:
        UnknownName: there is no such value.
    """
    chosen = table.copy(deep=False)
    always = (LABEL, COUNT)
    columns = dict.fromkeys(find_value("column of a comparison", name, always) for name in names)
    values = tuple(column for column in columns if column not in always)
    chosen.attrs = {**table.attrs, "columns": values}
    return chosen


def sort_rows(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a comparison with the rows of each table sorted, the best first, undefined last.

    Args:
        table: the comparison.
        name: a value, "n", or "method" for the alphabet.

    Raises:
        UnknownName: there is no such value.
    """
    value = find_value("column to sort by", name, (LABEL, COUNT))
    by = {LABEL: "label", COUNT: COUNT}.get(value, f"{value}_mean")
    tables = table.assign(place=pd.factorize(table["table"])[0])
    ascending = value == LABEL or is_small_better(value)
    order = tables.sort_values(["place", by], ascending=[True, ascending], kind="stable").index
    result = table.loc[order].reset_index(drop=True)
    result.attrs = dict(table.attrs)
    return result


def find_value(kind: str, name: str, further: tuple[str, ...] = ()) -> str:
    """Return the value that a comparison has under a name.

    Raises:
        UnknownName: there is none.
    """
    names = {**{each: each for each in further}, **NAMES}
    if name.strip().lower() not in names:
        raise UnknownName(kind, name, names)
    return names[name.strip().lower()]


def frame_to_print(table: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison without the figures of the values that are not to be printed."""
    columns = table.attrs.get("columns", VALUES)
    hidden = tuple(f"{value}_" for value in VALUES if value not in columns)
    kept = [name for name in table if not str(name).startswith(hidden)] if hidden else list(table)
    result = table[kept]
    result.attrs = dict(table.attrs)
    return result
