"""Names of configurations: the method, and the hyperparameters that its sweep varies within it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from orchestrator.columns import CODE, METHOD_LABEL
from orchestrator.results.names.code_texts import code_texts
from orchestrator.results.names.hyperparameter_text import (
    column_texts,
    concatenate,
    hyperparameter_text,
    short_column_names,
)
from orchestrator.results.pooling import LABELLED_IN, TABLE
from orchestrator.results.variation import varying_columns

NAME = "base name"  # of a column


def labels(
    first: pd.DataFrame,
    by: str,
    config: Sequence[str],
    within: Sequence[str] = ("sweep", *TABLE),
    common: Sequence[str] = (),
    sweeps: Sequence[Sequence[str]] | None = None,
) -> list[str]:
    """Return a name for each configuration.

    A name follows from the sweep of its row, and from those before it where these have the name
    already: then something is added. So a sweep that comes after others changes no name of theirs.

    Args:
        first: one row of the trials table for each configuration; those of earlier sweeps first.
        by: "method" (its label, if the sweep file gives one, with the hyperparameters that
            vary within it), "trial_id", or a column of `config`, which is then part of every name.
        config: the columns that names may have.
        within: columns of a table; only rows that agree in them need different names.
        common: columns that are part of all names of a table if they vary in it.
        sweeps: the sweeps that have each configuration; None: the one of its row.
    """
    if by == "trial_id":
        return list(first["trial_id"])
    holders = list(sweeps or ([name] for name in first["sweep"]))
    order = list(dict.fromkeys([*first["sweep"], *chain.from_iterable(holders)]))
    held_by = pd.Series([sorted(names, key=order.index) for names in holders], first.index, object)
    own, tables = _naming_sweeps(first, held_by), [name for name in within if name != "sweep"]
    result = pd.Series("", index=first.index, dtype=object)
    for sweep in dict.fromkeys(own):
        rows = first[[sweep in names for names in held_by]]
        if LABELLED_IN in rows:  # a label of another sweep changes no name of this one
            rows = rows.assign(**{METHOD_LABEL: rows[METHOD_LABEL].where(own[rows.index] == sweep)})
        named = _names_in_sweep(rows, by, config, tables, common)
        result.update(named[own[rows.index] == sweep])
    if not result.is_unique:
        first = first.loc[own.map(order.index).sort_values(kind="stable").index]
        for rows in _split_by(first, within):
            result.update(_distinguish(result[rows.index], rows, own[rows.index], config))
    return list(result)


def _naming_sweeps(first: pd.DataFrame, held_by: pd.Series[Any]) -> pd.Series[str]:
    """Return the sweep that each name follows from: the one with its label, else the first."""
    if LABELLED_IN not in first:
        return held_by.str[0]
    pairs = zip(first[LABELLED_IN], held_by, strict=True)
    names = [given if given in sweeps else sweeps[0] for given, sweeps in pairs]
    return pd.Series(names, first.index, object)


def base_names(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the label that the sweep file gives each row's method, or else the method."""
    methods = rows["method"].astype(str)
    return rows[METHOD_LABEL].fillna(methods) if METHOD_LABEL in rows else methods


def _names_in_sweep(
    first: pd.DataFrame,
    by: str,
    config: Sequence[str],
    within: Sequence[str],
    common: Sequence[str],
) -> pd.Series[str]:
    """Return the names that the configurations of one sweep have by themselves; see `labels`."""
    result = first["trial_id"].astype(object)
    first = first.assign(**{NAME: base_names(first)})
    names = _short_names(first, config, by)
    candidates, common = varying_columns(first, config), varying_columns(first, common)
    first = _drop_columns(first, {*config} - {*candidates, *common, by})
    # What varies in a table is in all of its labels, whichever method varies it.
    of_table: dict[Hashable, list[str]] = {}
    for rows in _split_by(first, within) if common else ():
        of_table |= dict.fromkeys(rows.index, varying_columns(rows, common))
    for rows in _split_by(first, [*within, NAME]):
        varying = {*varying_columns(rows, candidates), *of_table.get(rows.index[0], ())}
        shown = [by] if by in config else []
        shown += [name for name in config if name in varying and name != by]
        texts = concatenate(rows[NAME], [column_texts(rows[c], names[c]) for c in shown])
        result[rows.index] = _add_trial_or_sweep(texts, rows)
    return result


def _distinguish(
    names: pd.Series[str], rows: pd.DataFrame, sweeps: pd.Series[str], config: Sequence[str]
) -> pd.Series[str]:
    """Return the names of a table made unique: one that an earlier sweep has gets an addition.

    It follows from the rows up to its own, so that rows of later sweeps do not change it.

    Args:
        names: of the rows.
        rows: those of a table, in the order of their sweeps.
        sweeps: the sweep that each name follows from.
        config: the columns that names may have.
    """
    if names.is_unique:  # the usual case
        return names
    result, taken = names.copy(), set[str]()
    for _, own in names.groupby(sweeps, sort=False):
        repeated = own[own.isin(taken) | own.duplicated()]
        taken |= {*own}
        for index in repeated.index:
            name = str(names[index])
            alike = rows[(names == name) | (result == name)]
            # A sweep of other code splits rows of unknown code from those with which they agreed.
            codes = alike if CODE in alike and alike[CODE].isna().any() else alike.loc[:index]
            texts = _additions(alike.loc[:index], code_texts(codes), config)
            longer = (f"{name}{text[index]}" for text in texts)
            result[index] = next((each for each in longer if each not in taken), name)
            taken.add(result[index])
    return result


def _additions(
    equal: pd.DataFrame, codes: pd.Series[str], config: Sequence[str]
) -> list[pd.Series[str]]:
    """Return texts that may tell rows of one name apart, the most telling first."""
    names, empty = _short_names(equal, config), pd.Series("", equal.index, dtype=object)
    varied = [column_texts(equal[c], names[c]) for c in varying_columns(equal, config)]
    sweep, trial = " (" + equal["sweep"] + ")", " " + equal["trial_id"]
    further = [] if equal["sweep"].nunique() == 1 else [sweep]
    if equal["trial_id"].nunique() > 1:
        further = [trial, sweep, trial + sweep]
    return [concatenate(empty, varied), codes, *further]


def _short_names(rows: pd.DataFrame, config: Sequence[str], by: str = "") -> dict[str, str]:
    """Return the short names of columns; those that other rows alone have make none ambiguous."""
    return short_column_names([name for name in config if name == by or rows[name].notna().any()])


def names_across_tables(
    first: pd.DataFrame, tables: pd.Series[Any], config: Sequence[str], own: Sequence[str]
) -> pd.Series[str]:
    """Return a name for each configuration that is the same in all tables.

    It is the label, where that is the same in all tables and no other configuration has it. Else it
    has the hyperparameters that vary in any table, where a label has those of its own table.

    Args:
        first: one row for each configuration.
        tables: the table of each row.
        config: the columns that names may have.
        own: the labels, each different in its table.
    """
    names, labelled = _varying_names(first, tables, config), pd.Series(own, first.index, object)
    both = {*names} & {*labelled}
    is_one = labelled.groupby(names).transform("nunique") == 1
    is_one &= names.groupby(labelled).transform("nunique") == 1
    # A label that reads as the longer name of another configuration would be taken for that one.
    return labelled.where(is_one & ((labelled == names) | ~labelled.isin(both)), names)


def _varying_names(
    first: pd.DataFrame, tables: pd.Series[Any], config: Sequence[str]
) -> pd.Series[str]:
    """Return the base name of each row with the hyperparameters that vary in any table below it."""
    result = base_names(first)
    candidates = varying_columns(first, config)
    first = _drop_columns(first, {*config} - {*candidates})
    for rows in _split_by(first.assign(**{NAME: result}), [NAME]):
        parts = _split_by(rows, tables[rows.index])
        varying = {name for part in parts for name in varying_columns(part, candidates)}
        text = hyperparameter_text(rows, [name for name in config if name in varying])
        text = (result[rows.index] + " " + text).str.strip()
        # Within a table, equal hyperparameters with different code are different configurations.
        for part in [] if text.is_unique else _split_by(rows, tables[rows.index]):
            if not text[part.index].is_unique:
                text[part.index] = _add_if_distinct(text[part.index], [code_texts(part)])
        result[rows.index] = text
    return result


def _drop_columns(rows: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    """Return rows without some columns: each column of text that is split takes time."""
    return rows[[name for name in rows if name not in columns]]


def _split_by(rows: pd.DataFrame, by: Sequence[str] | pd.Series[Any]) -> list[pd.DataFrame]:
    """Return the rows of each value of some columns or of a series."""
    by = by if isinstance(by, pd.Series) else [*by]
    return [part for _, part in rows.groupby(by, sort=False)] if len(by) else [rows]


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
