"""Ids of trials in the present form and in that of release 0.1."""

from __future__ import annotations

import pandas as pd

# Hexadecimal digits of a trial's id in release 0.1; the present id begins with that one.
FORMER_DIGITS = 8


def former_id(trial_id: str) -> str:
    """Return the id of a trial in release 0.1."""
    name, dash, digits = trial_id.rpartition("-")
    return f"{name}{dash}{digits[:FORMER_DIGITS]}"


def numbered_id(trial_id: str, number: int) -> str:
    """Return the id of a configuration that is the `number`-th to have this id, from 0."""
    return f"{trial_id}~{number + 1}" if number else trial_id


def unnumbered_id(trial_id: str) -> str:
    """Return an id as the tables of its sweep have it, without the number of `numbered_id`."""
    return trial_id.partition("~")[0]


def match_id(ids: pd.Series[str], given: str) -> pd.Series[bool]:
    """Return, for each of `ids`, whether it is `given`, in its present or its former form."""
    if (ids == given).any():
        return ids == given
    return ids.map(lambda trial_id: trial_id == former_id(given) or given == former_id(trial_id))
