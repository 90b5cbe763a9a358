"""Ids of trials in the present form and in that of release 0.1."""

from __future__ import annotations

import pandas as pd

# Hexadecimal digits of a trial's id in release 0.1; the present id begins with that one.
FORMER_DIGITS = 8


def former_id(trial_id: str) -> str:
    """Return the id of a trial in release 0.1."""
    name, dash, digits = trial_id.rpartition("-")
    return f"{name}{dash}{digits[:FORMER_DIGITS]}"


def match_id(ids: pd.Series[str], given: str) -> pd.Series[bool]:
    """Return which of `ids` equal `given`, in the present form or in that of release 0.1."""
    if (ids == given).any():
        return ids == given
    return ids.map(lambda trial_id: trial_id == former_id(given) or given == former_id(trial_id))
