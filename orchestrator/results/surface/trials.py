"""The trials that a surface is made of, and the names of their methods."""

from __future__ import annotations

import pandas as pd

from orchestrator.columns import MEANS, METHOD_LABEL
from orchestrator.results.comparison import dial_columns
from orchestrator.results.names.hyperparameter_text import hyperparameter_text
from orchestrator.results.names.naming import base_names

STORAGE_BUDGET, COMPUTE_BUDGET, DIAL = MEANS
BUDGETS = [STORAGE_BUDGET, COMPUTE_BUDGET]
# What the budgets set, so that it names no method.
OF_THE_CELL = (
    "config.selection.means.storage_bytes",
    "config.selection.means.compute",
    "config.schedule",
)

# The part of the name of a search that is of its cell: budgets, or a number.
CELL_OF_GROUP = r"\s*(?:\b(?:storage_bytes|compute)=\S+|#\d+)"


def have_means(trials: pd.DataFrame) -> pd.Series[bool]:
    """Return, for each trial, whether it is of the evaluation phase of a sweep with means."""
    return (trials["phase"] == "evaluation") & trials[BUDGETS].notna().any(axis=1)


def method_names(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the method of each trial, and hyperparameters in which others of its cell differ.

    Those that a search chose, which differ from cell to cell, name no method.
    """
    solved = dial_columns(rows)
    entries = searched_entries(rows)
    config = [
        name
        for name in map(str, rows)
        if name.startswith("config.") and not name.startswith(OF_THE_CELL) and name not in solved
    ]
    result = base_names(rows)
    for _, own in rows.groupby(result, sort=False):
        cells = own.groupby(BUDGETS, dropna=False)[config].nunique(dropna=False)
        searched = own.groupby(entries[own.index])[config].nunique(dropna=False)
        names = [name for name in config if not (searched[name] > 1).any()]
        varying = [name for name in names if (cells[name] > 1).any()]
        result[own.index] = (
            result[own.index] + " " + hyperparameter_text(own, varying)
        ).str.strip()
    return result


def searched_entries(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the entry of the sweep that each trial of a search is of; null of other trials.

    An entry is searched in each cell by a group of its own; it goes by its label, if it has one.
    """
    none = pd.Series(index=rows.index, dtype=object)
    groups, labels = (rows.get(name, none) for name in ("group", METHOD_LABEL))
    entries = groups.astype("string").str.replace(CELL_OF_GROUP, "", regex=True)
    return labels.where(labels.notna() & groups.notna(), entries)
