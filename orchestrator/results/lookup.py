"""Lookup of a configuration by an id, a label or a description.

If several configurations match, they are listed and none is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from orchestrator.errors import UnknownName
from orchestrator.results.comparison import comparison
from orchestrator.results.match_name import (
    GROUP_TITLE,
    MAX_LISTED,
    ambiguous_name_error,
    match_name,
)
from orchestrator.results.names.code_texts import fill_code
from orchestrator.results.names.naming import labels
from orchestrator.results.pooling import CONFIGURATION, TABLE, pool_trials, sweeps_by_configuration
from orchestrator.results.results import Results
from orchestrator.results.searches import titles_of_groups
from orchestrator.results.winners import configuration_keys


def first_rows(results: Results) -> pd.DataFrame:
    """Return the first row of each configuration, complete or not, with `label` and `sweeps`.

    The column `evaluated` tells whether any of its rows is of the evaluation phase.
    """
    trials = fill_code(pool_trials(results.trials).trials)
    first = trials.drop_duplicates(CONFIGURATION)
    config = [column for column in map(str, first) if column.startswith("config.")]
    table = comparison(results)
    compared = dict(zip(configuration_keys(table), table["label"], strict=True))
    sweeps = sweeps_by_configuration(trials)
    own = labels(first, "method", config, TABLE, sweeps=sweeps)
    label = [
        compared.get(key, name) for key, name in zip(configuration_keys(first), own, strict=True)
    ]
    evaluation = trials.loc[trials["phase"] == "evaluation", "trial_id"]
    return first.assign(
        label=label,
        **{GROUP_TITLE: pd.Series(_titles(first, trials), first.index, object)},
        sweeps=pd.Series(sweeps, first.index, object),
        evaluated=first["trial_id"].isin(evaluation),
    )


def _titles(first: pd.DataFrame, trials: pd.DataFrame) -> list[str | None]:
    """Return for each row the title of the group that searched it; None without a search."""
    titles = titles_of_groups(trials)
    if not titles:
        return [None] * len(first)
    return [titles.get(pair) for pair in zip(first["sweep"], first["group"], strict=True)]


def with_labels(rows: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return rows of the trials table with the name of their configuration as `label`.

    Where the trials of the results are of several settings the name has what they differ in:
    `er (class)`.
    """
    if rows.empty:
        return rows.assign(label=[])
    first = first_rows(results).drop_duplicates("trial_id").set_index("trial_id")
    labels = first["label"].astype(str)
    varying = [name for name in TABLE if first[name].nunique() > 1]
    if varying:
        labels += " (" + first[varying].astype(str).agg(", ".join, axis=1) + ")"
    return rows.assign(label=rows["trial_id"].map(labels).fillna(rows["trial_id"]))


def find_configuration(results: Results, name: str, scenario: str | None = None) -> pd.Series[Any]:
    """Return the row of `first_rows` with a name.

    If several configurations match and one of them was evaluated, it is returned.

    Args:
        results: of one sweep or several.
        name: trial id, the beginning of one, a label as `compare` prints it or as the sweep file
            gives it, a description, or the title of a group that was searched.
        scenario: "task", "domain" or "class"; None: any.

    Raises:
        UnknownName: no configuration matches, or none is of the scenario.
        RepertoireError: several configurations match; lists them.
    """
    rows = first_rows(results)
    if scenario is not None:
        if scenario not in set(rows["scenario"]):
            raise UnknownName("scenario", scenario, dict.fromkeys(rows["scenario"]))
        rows = rows[rows["scenario"] == scenario]
    matching = match_name(rows, name)
    if (matching & rows["evaluated"]).sum() == 1:
        matching &= rows["evaluated"]
    if matching.sum() == 1:
        return rows[matching].iloc[0]
    if matching.any():
        raise ambiguous_name_error(rows[matching], name)
    raise _unknown_name_error(name, [*dict.fromkeys(rows["label"]), *rows["trial_id"]])


def find_table_rows(results: Results, table: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return, for each row of a comparison, whether it has a name: at most one row a table.

    Args:
        results: the results that were compared.
        table: the comparison.
        name: as for `find_configuration`, or a label of the comparison.

    Raises:
        UnknownName: no row matches.
        RepertoireError: several rows of one table match; lists them.
    """
    first = pool_trials(results.trials).trials.drop_duplicates(CONFIGURATION)
    sweeps = pd.Series([str(text).split(", ") for text in table["sweeps"]], table.index, object)
    rows = table[[*CONFIGURATION, "label", "table"]].assign(sweeps=sweeps)
    rows = rows.merge(first.drop(columns="sweep"), on=CONFIGURATION, how="left")
    matching = match_name(rows, name)
    if not matching.any():
        raise UnknownName("row to compare against", name, table["label"].unique())
    several = rows[matching][rows[matching]["table"].duplicated(keep=False)]
    if len(several):
        raise ambiguous_name_error(several, name)
    return pd.Series(matching.to_numpy(), index=table.index)


def _unknown_name_error(name: str, valid: Sequence[str]) -> UnknownName:
    if len(valid) <= MAX_LISTED:
        return UnknownName("trial", name, valid)
    return UnknownName("trial", name, valid, listed="a comparison by trial_id names all")
