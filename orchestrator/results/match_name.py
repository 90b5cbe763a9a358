"""Which configurations a name matches, and the error if it matches several.

A description is a list of words: the method, its class without the module, words of its label,
hyperparameters as `name=value`, scenario, benchmark, sweep. All words must match. An id or a label
that is given exactly is no description.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from orchestrator.columns import METHOD_LABEL
from orchestrator.errors import RepertoireError
from orchestrator.results.names.hyperparameter_text import short_column_names, value_text
from orchestrator.results.names.naming import base_names
from orchestrator.results.names.trial_ids import match_id
from orchestrator.results.protocol import setting_title

MAX_LISTED = 40  # names in a message
GROUP_TITLE = "group title"  # of a column: see `titles_of_groups`


def match_name(rows: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return, for each row, whether it matches a name.

    An equal id alone decides, else an equal label, of the row or of its entry in the sweep file;
    else the beginning of the id, or words like `lam=1`; else an equal title of its group.
    """
    ids = rows["trial_id"]
    for exact in (ids == name, rows["label"] == name, _equals(rows, METHOD_LABEL, name)):
        if exact.any():
            return exact
    beginning = ids.str.startswith(name) | match_id(ids, name)
    words = name.split()
    by_description = [
        bool(words) and set(words) <= description for description in _description_words(rows)
    ]
    described = beginning | pd.Series(by_description, index=rows.index)
    return described if described.any() else _equals(rows, GROUP_TITLE, name)


def _equals(rows: pd.DataFrame, column: str, name: str) -> pd.Series[bool]:
    equal = rows[column] == name if column in rows else False
    return pd.Series(equal, rows.index, dtype=bool)


def _description_words(rows: pd.DataFrame) -> list[set[str]]:
    config = [column for column in map(str, rows) if column.startswith("config.")]
    names = short_column_names(config)
    descriptions = [
        {str(row["benchmark"]), str(row["scenario"]), *row["sweeps"]}
        | {method := str(row["method"]), method.rpartition(":")[2]}
        | {*label.split()}
        for row, label in zip(rows.to_dict("records"), base_names(rows), strict=True)
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
        + "\ngive the id of one, or more words: hyperparameters, scenario, sweep"
    )


def _describe_configuration(row: dict[Hashable, Any]) -> str:
    title = setting_title(row["benchmark"], row["scenario"], int(row["num_tasks"]))
    return f"{row['trial_id']}: {row['label']}, {title} (sweep {', '.join(row['sweeps'])})"
