"""What is added to names that are the same, so that each configuration has one of its own."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import pandas as pd

from orchestrator.columns import CODE
from orchestrator.results.names.code_texts import code_texts
from orchestrator.results.names.hyperparameter_text import (
    column_texts,
    concatenate,
    names_of_values,
)
from orchestrator.results.siblings import sibling_keys
from orchestrator.results.variation import split_by, varying_columns

Place = tuple[Hashable, str]  # a table, and a name in it


def distinguish(
    names: pd.Series[str],
    rows: pd.DataFrame,
    sweeps: pd.Series[str],
    tables: pd.Series[int],
    config: Sequence[str],
) -> pd.Series[str]:
    """Return names made unique in their tables: one that an earlier sweep has gets an addition.

    It follows from the rows up to its own, so that rows of later sweeps do not change it. Siblings
    in other tables get it too.

    Args:
        names: of the rows.
        rows: one for each configuration, in the order of their sweeps.
        sweeps: the sweep that each name follows from.
        tables: the table of each row.
        config: the columns that names may have.
    """
    result, keys, taken = names.copy(), sibling_keys(rows), set[Place]()
    for _, own in names.groupby(sweeps, sort=False):
        for index in _take_places(own, tables, taken):
            if result[index] != names[index]:  # by a sibling's addition
                continue
            siblings = _siblings(own, index, keys, tables)
            there = tables.isin(tables[siblings.index])
            alike = rows[there & ((names == names[index]) | (result == names[index]))]
            longer = _longer_names(siblings, alike, tables, config)
            free = (each for each in longer if taken.isdisjoint(_places(each, tables)))
            result.update(unique := next(free, siblings))
            taken |= {*_places(unique, tables)}
    return result


def name_settings(
    names: pd.Series[str], rows: pd.DataFrame, settings: Sequence[str], config: Sequence[str]
) -> list[str]:
    """Return names that have the settings in which the rows of their table differ.

    Args:
        names: of the rows.
        rows: one for each configuration, in the order of their sweeps, with its `table`.
        settings: columns that may differ.
        config: the columns that names may have.
    """
    result, shown = names.astype(object), names_of_values(rows, config)
    for part in split_by(rows, ["table"]):
        for column in varying_columns(part, settings):
            texts = column_texts(part[column], shown.get(column, column))
            pairs = zip(result[part.index], texts, strict=True)
            result[part.index] = [
                name if f"{text} " in f"{name} " else name + text for name, text in pairs
            ]
    if not result.is_unique:  # of two names that differed in a setting's mention alone
        result = distinguish(result, rows, rows["sweep"], rows["table"], config)
    return list(result)


def _take_places(names: pd.Series[str], tables: pd.Series[int], taken: set[Place]) -> list[Any]:
    """Return the indices of the names whose place is taken; the others take theirs."""
    repeated = []
    for index, place in zip(names.index, _places(names, tables), strict=True):
        if place in taken:
            repeated.append(index)
        taken.add(place)
    return repeated


def _places(names: pd.Series[str], tables: pd.Series[int]) -> list[Place]:
    return list(zip(tables[names.index], names, strict=True))


def _siblings(
    names: pd.Series[str], index: Any, keys: pd.Series[str], tables: pd.Series[int]
) -> pd.Series[str]:
    """Return the name at an index with those of its siblings in other tables that are the same."""
    there = tables[names.index]
    same = (names == names[index]) & (keys[names.index] == keys[index])
    elsewhere = there != tables[index]
    elsewhere[index] = True
    siblings: pd.Series[str] = names[same & elsewhere]
    return siblings


def _longer_names(
    siblings: pd.Series[str], alike: pd.DataFrame, tables: pd.Series[int], config: Sequence[str]
) -> Iterator[pd.Series[str]]:
    """Yield the names with what may tell them apart from those of `alike`, most telling first."""
    equal = alike.loc[: siblings.index[-1]]
    # A sweep of other code splits rows of unknown code from those with which they agreed.
    codes = alike if CODE in alike and alike[CODE].isna().any() else equal
    sweep, trial = " (" + equal["sweep"] + ")", " " + equal["trial_id"]
    further = [] if equal["sweep"].nunique() == 1 else [sweep]
    if equal["trial_id"].nunique() > 1:
        further = [trial, sweep, trial + sweep]
    varied = _varied_text(equal, tables[equal.index], config)
    for text in (varied, code_texts(codes), *further):
        yield siblings + text[siblings.index]


def _varied_text(
    rows: pd.DataFrame, tables: pd.Series[int], config: Sequence[str]
) -> pd.Series[str]:
    """Return the values of the columns that vary in any of the tables."""
    parts = split_by(rows, tables)
    varying = {name for part in parts for name in varying_columns(part, config)}
    names, empty = names_of_values(rows, config), pd.Series("", rows.index, dtype=object)
    return concatenate(empty, [column_texts(rows[c], names[c]) for c in config if c in varying])


def add_trial_or_sweep(names: pd.Series[str], rows: pd.DataFrame) -> pd.Series[str]:
    """Add the code, the trial id or the sweep to equal names.

    Names are equal if the code differs, if values differ beyond the printed digits, or if two
    sweeps have the trial.
    """
    if names.is_unique:  # the usual case
        return names
    sweep, trial = " (" + rows["sweep"] + ")", " " + rows["trial_id"]
    return add_if_distinct(names, [code_texts(rows), trial, sweep, trial + sweep])


def add_if_distinct(names: pd.Series[str], texts: Sequence[pd.Series[str]]) -> pd.Series[str]:
    """Add to equal names the first of some texts with which they differ."""
    for more in texts:
        longer = names + more
        names = longer.where(names.duplicated(keep=False) & ~longer.duplicated(keep=False), names)
    return names
