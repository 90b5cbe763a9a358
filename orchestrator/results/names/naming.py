"""Names of configurations: the method, and the hyperparameters that its sweep varies within it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from orchestrator.columns import METHOD_LABEL
from orchestrator.results.names.additions import add_trial_or_sweep, distinguish
from orchestrator.results.names.hyperparameter_text import (
    column_texts,
    concatenate,
    names_of_values,
)
from orchestrator.results.pooling import LABELLED_IN, TABLE
from orchestrator.results.siblings import BENCHMARK_COLUMNS, sibling_keys
from orchestrator.results.variation import split_by, varying_columns

BASE_NAME = "base name"  # of a column


def labels(
    first: pd.DataFrame,
    by: str,
    config: Sequence[str],
    within: Sequence[str] = ("sweep", *TABLE),
    common: Sequence[str] = (),
    sweeps: Sequence[Sequence[str]] | None = None,
) -> list[str]:
    """Return a name for each configuration, the same for its siblings on other benchmarks.

    A name follows from the sweep of its row, and from those before it where these have the name
    already: then something is added. So a sweep that comes after others changes no name of theirs.

    Args:
        first: one row of the trials table for each configuration; those of earlier sweeps first.
        by: "method" (its label, if the sweep file gives one, with the hyperparameters that
            vary within it), "trial_id", or a column of `config`, which is then part of every name.
        config: the columns that names may have.
        within: columns of a table; only rows that agree in them need different names.
        common: columns that are part of all names of a table if they vary in it.
        sweeps: the sweeps that have each configuration; None: the one of its row, and each sweep
            names its rows for itself.
    """
    if by == "trial_id":
        return list(first["trial_id"])
    holders = list(sweeps or ([name] for name in first["sweep"]))
    order = list(dict.fromkeys([*first["sweep"], *chain.from_iterable(holders)]))
    held_by = pd.Series([sorted(names, key=order.index) for names in holders], first.index, object)
    own = first["sweep"] if sweeps is None else _naming_sweeps(first, held_by, order)
    tables = [name for name in within if name != "sweep"]
    result = pd.Series("", index=first.index, dtype=object)
    for sweep in dict.fromkeys(own):
        held = pd.Series([sweep in names for names in held_by], first.index)
        rows = first[held | (own == sweep)]
        if LABELLED_IN in rows:  # a label of another sweep changes no name of this one
            given = rows[METHOD_LABEL].where(rows[LABELLED_IN] == sweep)
            rows = rows.assign(**{METHOD_LABEL: given})
        named = _names_in_sweep(rows, held[rows.index], by, config, tables, common)
        result.update(named[own[rows.index] == sweep])
    if not result.is_unique:
        first = first.loc[own.map(order.index).sort_values(kind="stable").index]
        numbers = table_numbers(first, within)
        result.update(distinguish(result[first.index], first, own[first.index], numbers, config))
    return list(result)


def _naming_sweeps(
    first: pd.DataFrame, held_by: pd.Series[Any], order: Sequence[str]
) -> pd.Series[str]:
    """Return the sweep that each name follows from: the one with its label, else the first.

    It is the same for siblings, of which it may have one alone.
    """
    keys = sibling_keys(first)
    earliest = held_by.str[0].map(order.index).groupby(keys, sort=False).transform("min")
    sweeps = earliest.map(order.__getitem__)
    if LABELLED_IN not in first:
        return sweeps
    labelled = first[LABELLED_IN].groupby(keys, sort=False).transform("first")
    return labelled.fillna(sweeps)


def base_names(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the label that the sweep file gives each row's method, or else the method."""
    methods = rows["method"].astype(str)
    return rows[METHOD_LABEL].fillna(methods) if METHOD_LABEL in rows else methods


def _names_in_sweep(
    rows: pd.DataFrame,
    held: pd.Series[bool],
    by: str,
    config: Sequence[str],
    within: Sequence[str],
    common: Sequence[str],
) -> pd.Series[str]:
    """Return the names that one sweep gives to configurations that it has, and to siblings of them.

    What varies in one of its tables is in the names of all, so that siblings have one name; options
    of the benchmark are in those of their own table.

    Args:
        rows: the configurations.
        held: whether the sweep has each; the other names follow from those that it has.
        by: as in `labels`, like the next three.
        config: the columns.
        within: the columns of a table, without the sweep.
        common: columns.
    """
    result, tables = rows["trial_id"].astype(object), table_numbers(rows, within)
    rows = rows.assign(**{BASE_NAME: base_names(rows)})
    names = names_of_values(rows[held], config, by)
    candidates, common = varying_columns(rows[held], config), varying_columns(rows[held], common)
    rows = omit_columns(rows, {*config} - {*candidates, *common, by})
    # What varies in a table is in all of its labels, whichever method varies it.
    of_table = _varying_in_tables(rows[held], tables, common) if common else {}
    for alike in split_by(rows, [BASE_NAME]):
        varying = _varying_in_tables(alike[held[alike.index]], tables[alike.index], candidates)
        for number, part in alike.groupby(tables[alike.index], sort=False):
            varying_here = {*varying[number], *of_table.get(number, ())}
            shown = [by] if by in config else []
            shown += [name for name in config if name in varying_here and name != by]
            texts = concatenate(part[BASE_NAME], [column_texts(part[c], names[c]) for c in shown])
            result.update(texts)
            own = part[held[part.index]]
            result.update(add_trial_or_sweep(texts[own.index], own))
    return result


def _varying_in_tables(
    rows: pd.DataFrame, tables: pd.Series[int], columns: Sequence[str]
) -> dict[Hashable, set[str]]:
    """Return for each table the columns that vary in it, and those that do so in any table.

    The latter are those of the configuration: what the benchmark has is the table's own.

    Args:
        rows: from which this follows.
        tables: the table of each row, and of rows that are not among them.
        columns: some columns.
    """
    own = rows.groupby(tables[rows.index], sort=False)
    varying = {number: {*varying_columns(part, columns)} for number, part in own}
    shared = {
        name
        for names in varying.values()
        for name in names
        if not name.startswith(BENCHMARK_COLUMNS)
    }
    return {number: shared | varying.get(number, set()) for number in tables.unique()}


def table_numbers(rows: pd.DataFrame, within: Sequence[str]) -> pd.Series[int]:
    """Return the number of the table of each row, from 0; all are in one without columns."""
    if not within:
        return pd.Series(0, rows.index)
    return rows.groupby([*within], sort=False, dropna=False).ngroup()


def omit_columns(rows: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    """Return rows without some columns: each column of text that is split takes time."""
    return rows[[name for name in rows if name not in columns]]
