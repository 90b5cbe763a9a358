"""Lookup of a configuration by an id, a label or a description.

A description is a list of words: the method, settings as `name=value`, scenario, benchmark, sweep.
All words must match, so the result does not depend on the labels, which depend on the other rows.
If several configurations match, they are listed and none is chosen.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from orchestrator.errors import RepertoireError, UnknownName, suggest
from orchestrator.results.comparison import comparison
from orchestrator.results.names.naming import labels
from orchestrator.results.names.settings_text import short_names, value_text
from orchestrator.results.names.trial_ids import match_id
from orchestrator.results.pooling import CONFIGURATION, TABLE, pool_trials, sweeps_by_configuration
from orchestrator.results.protocol import setting_title
from orchestrator.results.results import Results
from orchestrator.results.winners import configuration_keys

MAX_LISTED = 40  # names in a message


def configurations(results: Results) -> pd.DataFrame:
    """Return the first row of each configuration, complete or not, with `label` and `sweeps`.

    The column `evaluated` tells whether any of its rows is of the evaluation phase.
    """
    trials = pool_trials(results.trials).trials
    first = trials.drop_duplicates(CONFIGURATION)
    config = [column for column in map(str, first) if column.startswith("config.")]
    table = comparison(results)
    compared = dict(zip(configuration_keys(table), table["label"], strict=True))
    own = labels(first, "method", config, TABLE)
    label = [
        compared.get(key, name) for key, name in zip(configuration_keys(first), own, strict=True)
    ]
    evaluation = trials.loc[trials["phase"] == "evaluation", "trial_id"]
    return first.assign(
        label=label,
        sweeps=pd.Series(sweeps_by_configuration(trials), first.index, object),
        evaluated=first["trial_id"].isin(evaluation),
    )


def find_configuration(results: Results, name: str) -> pd.Series[Any]:
    """Return the row of `configurations` with a name.

    Of several matching configurations, the only one that was evaluated is returned.

    Args:
        results: of one sweep or several.
        name: trial id, the beginning of one, a label as `compare` prints it, or a description.

    Raises:
        UnknownName: no configuration matches.
        RepertoireError: several configurations match; lists them.
    """
    rows = configurations(results)
    matching = match_name(rows, name)
    if (matching & rows["evaluated"]).sum() == 1:
        matching &= rows["evaluated"]
    if matching.sum() == 1:
        return rows[matching].iloc[0]
    if matching.any():
        raise ambiguous_name_error(rows[matching], name)
    raise _unknown_name_error(name, [*dict.fromkeys(rows["label"]), *rows["trial_id"]])


def find_table_rows(results: Results, table: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return which rows of a comparison have a name, at most one of each table.

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
    matching = rows["label"] == name
    matching = matching if matching.any() else match_name(rows, name)
    if not matching.any():
        raise UnknownName("row to compare against", name, table["label"].unique())
    several = rows[matching][rows[matching]["table"].duplicated(keep=False)]
    if len(several):
        raise ambiguous_name_error(several, name)
    return pd.Series(matching.to_numpy(), index=table.index)


def match_name(rows: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return which configurations match a name: by id, else by label, beginning of id or words."""
    ids = rows["trial_id"]
    if (ids == name).any():
        return ids == name
    beginning = ids.str.startswith(name) | match_id(ids, name)
    words = name.split()
    by_description = [
        bool(words) and set(words) <= description for description in _description_words(rows)
    ]
    return (rows["label"] == name) | beginning | pd.Series(by_description, index=rows.index)


def _description_words(rows: pd.DataFrame) -> list[set[str]]:
    """Return the words that describe each configuration."""
    config = [column for column in map(str, rows) if column.startswith("config.")]
    names = short_names(config)
    descriptions = [
        {str(row["method"]), str(row["benchmark"]), str(row["scenario"]), *row["sweeps"]}
        for row in rows.to_dict("records")
    ]
    for column in config:
        for words, value in zip(descriptions, rows[column], strict=True):
            if not pd.isna(value):
                words.add(f"{names[column]}={value_text(value)}")
    return descriptions


def ambiguous_name_error(rows: pd.DataFrame, name: str) -> RepertoireError:
    """Return the error for a name that several configurations match."""
    lines = [
        f"  - {_describe_configuration(row)}" for row in rows.head(MAX_LISTED).to_dict("records")
    ]
    lines += [f"  - and {len(rows) - MAX_LISTED} more"] if len(rows) > MAX_LISTED else []
    return RepertoireError(
        f"{name!r} fits {len(rows)} trials:\n"
        + "\n".join(lines)
        + "\ngive the id of one, or more words: settings, scenario, sweep"
    )


def _unknown_name_error(name: str, valid: Sequence[str]) -> RepertoireError:
    if len(valid) <= MAX_LISTED:
        return UnknownName("trial", name, valid)
    near = suggest(name, valid).partition("valid: ")[0]
    return RepertoireError(
        f"unknown trial {name!r}; {near}repertoire compare DIR --by trial_id names all"
    )


def _describe_configuration(row: dict[Hashable, Any]) -> str:
    title = setting_title(row["benchmark"], row["scenario"], int(row["num_tasks"]))
    return f"{row['trial_id']}: {row['label']}, {title} (sweep {', '.join(row['sweeps'])})"
