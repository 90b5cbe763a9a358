"""Names over several tables: of what has a rank in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from orchestrator.results.names.additions import add_if_distinct
from orchestrator.results.names.code_texts import code_texts
from orchestrator.results.names.hyperparameter_text import hyperparameter_text
from orchestrator.results.names.naming import BASE_NAME, base_names, omit_columns
from orchestrator.results.variation import split_by, varying_columns


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
    first = omit_columns(first, {*config} - {*candidates})
    for rows in split_by(first.assign(**{BASE_NAME: result}), [BASE_NAME]):
        parts = split_by(rows, tables[rows.index])
        varying = {name for part in parts for name in varying_columns(part, candidates)}
        text = hyperparameter_text(rows, [name for name in config if name in varying])
        text = (result[rows.index] + " " + text).str.strip()
        # Within a table, equal hyperparameters with different code are different configurations.
        for part in [] if text.is_unique else split_by(rows, tables[rows.index]):
            if not text[part.index].is_unique:
                text[part.index] = add_if_distinct(text[part.index], [code_texts(part)])
        result[rows.index] = text
    return result
