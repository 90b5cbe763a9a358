"""Finding a configuration by what a person calls it: an id, a label, or a description.

A description is words: the method, settings as `name=value`, scenario, benchmark, sweep. All words
must fit, so what a name finds does not depend on how labels turn out; where it fits several
configurations they are listed, and none is taken silently.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from orchestrator.errors import RepertoireError, UnknownName, suggest
from orchestrator.results.comparison import comparison
from orchestrator.results.naming import has_id, labels, short_names, value_text
from orchestrator.results.pooling import CONFIGURATION, TABLE, holders, pooled
from orchestrator.results.protocol import title_of
from orchestrator.results.results import Results
from orchestrator.results.winners import keys_of

LISTED = 40  # names, in a message


def configurations(results: Results) -> pd.DataFrame:
    """Return the first row of every configuration, finished or not, with `label` and `sweeps`.

    `evaluated` says whether any of its rows is of the evaluation phase.
    """
    trials = pooled(results.trials).trials
    first = trials.drop_duplicates(CONFIGURATION)
    config = [column for column in map(str, first) if column.startswith("config.")]
    table = comparison(results)
    compared = dict(zip(keys_of(table), table["label"], strict=True))
    own = labels(first, "method", config, TABLE)
    named = [compared.get(key, name) for key, name in zip(keys_of(first), own, strict=True)]
    evaluation = trials.loc[trials["phase"] == "evaluation", "trial_id"]
    return first.assign(
        label=named,
        sweeps=pd.Series(holders(trials), first.index, object),
        evaluated=first["trial_id"].isin(evaluation),
    )


def find(results: Results, name: str) -> pd.Series[Any]:
    """Return the row of `configurations` that a person means.

    A name that fits one that was evaluated and some that were only searched means the former.

    Args:
        results: of one sweep or several.
        name: trial id, the beginning of one, a label as `compare` prints it, or a description.

    Raises:
        UnknownName: it fits none.
        RepertoireError: it fits several; lists them.
    """
    known = configurations(results)
    fits = matches(known, name)
    if (fits & known["evaluated"]).sum() == 1:
        fits &= known["evaluated"]
    if fits.sum() == 1:
        return known[fits].iloc[0]
    if fits.any():
        raise ambiguous(known[fits], name)
    raise _unknown(name, [*dict.fromkeys(known["label"]), *known["trial_id"]])


def find_row(results: Results, table: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return which rows of a comparison are meant, one of a table at most.

    Args:
        results: that the comparison was made from.
        table: the comparison.
        name: as for `find`, or a label of the comparison.

    Raises:
        UnknownName: it fits none.
        RepertoireError: it fits several of one table; lists them.
    """
    first = pooled(results.trials).trials.drop_duplicates(CONFIGURATION)
    sweeps = pd.Series([str(text).split(", ") for text in table["sweeps"]], table.index, object)
    known = table[[*CONFIGURATION, "label", "table"]].assign(sweeps=sweeps)
    known = known.merge(first.drop(columns="sweep"), on=CONFIGURATION, how="left")
    fits = known["label"] == name
    fits = fits if fits.any() else matches(known, name)
    if not fits.any():
        raise UnknownName("row to compare against", name, table["label"].unique())
    several = known[fits][known[fits]["table"].duplicated(keep=False)]
    if len(several):
        raise ambiguous(several, name)
    return pd.Series(fits.to_numpy(), index=table.index)


def matches(known: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return which configurations a name fits: one id, or all labels, ids' beginnings and words."""
    ids = known["trial_id"]
    if (ids == name).any():
        return ids == name
    beginning = ids.str.startswith(name) | has_id(ids, name)
    words = name.split()
    described = [bool(words) and set(words) <= description for description in _words(known)]
    return (known["label"] == name) | beginning | pd.Series(described, index=known.index)


def _words(known: pd.DataFrame) -> list[set[str]]:
    """Return for each configuration the words that describe it."""
    config = [column for column in map(str, known) if column.startswith("config.")]
    names = short_names(config)
    descriptions = [
        {str(row["method"]), str(row["benchmark"]), str(row["scenario"]), *row["sweeps"]}
        for row in known.to_dict("records")
    ]
    for column in config:
        for words, value in zip(descriptions, known[column], strict=True):
            if not pd.isna(value):
                words.add(f"{names[column]}={value_text(value)}")
    return descriptions


def ambiguous(rows: pd.DataFrame, name: str) -> RepertoireError:
    """Return the error that lists the configurations that a name fits."""
    lines = [f"  - {_place(row)}" for row in rows.head(LISTED).to_dict("records")]
    lines += [f"  - and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return RepertoireError(
        f"{name!r} fits {len(rows)} trials:\n"
        + "\n".join(lines)
        + "\ngive the id of one, or more words: settings, scenario, sweep"
    )


def _unknown(name: str, valid: Sequence[str]) -> RepertoireError:
    if len(valid) <= LISTED:
        return UnknownName("trial", name, valid)
    near = suggest(name, valid).partition("valid: ")[0]
    return RepertoireError(
        f"unknown trial {name!r}; {near}repertoire compare DIR --by trial_id names all"
    )


def _place(row: dict[Hashable, Any]) -> str:
    title = title_of(row["benchmark"], row["scenario"], int(row["num_tasks"]))
    return f"{row['trial_id']}: {row['label']}, {title} (sweep {', '.join(row['sweeps'])})"
