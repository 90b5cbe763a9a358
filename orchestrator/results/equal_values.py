"""The check that several sweeps have the same values of one (trial, seed)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.columns import METRICS, VALIDATED
from orchestrator.errors import RepertoireError

ROUNDING = 1e-9  # releases may sum the same accuracies in different orders
MAX_LISTED = 5  # rows, in a message


def require_equal_values(several: pd.DataFrame, folders: Mapping[str, Path]) -> None:
    """Raise RepertoireError if complete rows of one (trial, seed) differ in a metric.

    One that is complete and diverged elsewhere differs as well: where it ends is no accident.
    """
    _require_equal_ends(several, folders)
    complete = several[several["status"] == "complete"]
    names = [name for name in (*METRICS, *VALIDATED) if name in complete]
    values = complete[names].astype(float)
    first = values.groupby(complete["number"]).transform("first")
    differs = (values - first).abs() > ROUNDING
    # A comparison with NaN is false: a value that only one row lacks needs a test of its own.
    differs |= values.isna() & first.notna()
    if not differs.to_numpy().any():
        return
    lines = []
    numbers, places = complete["number"].to_numpy(), np.flatnonzero(differs.any(axis=1))
    for place in places:
        metric = differs.columns[differs.iloc[place]][0]
        expected = first[metric].iloc[place]
        # `first` skips NaN, so the row that has its value need not be the first row.
        same = values[metric].eq(expected) | (values[metric].isna() & pd.isna(expected))
        other = np.flatnonzero((numbers == numbers[place]) & same.to_numpy())[0]
        row = complete.iloc[place]
        values_text = ", ".join(
            _describe_value(each, metric, folders) for each in (complete.iloc[other], row)
        )
        lines.append(f"  - {row['trial_id']} seed {row['seed']}, {metric}: {values_text}")
    raise _different_values(lines)


def _require_equal_ends(several: pd.DataFrame, folders: Mapping[str, Path]) -> None:
    ended = several[several["status"].isin(["complete", "diverged"])]
    ends = ended.groupby("number")["status"].transform("nunique")
    lines = []
    for _, rows in ended[ends > 1].groupby("number"):
        each = rows.drop_duplicates("status")
        places = [folders.get(sweep, sweep) for sweep in each["sweep"]]
        texts = (f"{s} in {place}" for s, place in zip(each["status"], places, strict=True))
        lines.append(
            f"  - {each['trial_id'].iloc[0]} seed {each['seed'].iloc[0]}: {', '.join(texts)}"
        )
    if lines:
        raise _different_values(lines)


def _different_values(lines: list[str]) -> RepertoireError:
    more = [f"  - and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return RepertoireError(
        "the same trial and seed has different values in two folders:\n"
        + "\n".join([*lines[:MAX_LISTED], *more])
        + "\nthey cannot both count; give only one of the folders, or run one of the sweeps again"
    )


def _describe_value(row: pd.Series[Any], metric: str, folders: Mapping[str, Path]) -> str:
    return f"{row[metric]:.6g} in {folders.get(row['sweep'], row['sweep'])}"
