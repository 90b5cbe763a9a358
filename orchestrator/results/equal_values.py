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
    lines = []
    for place in np.flatnonzero(differs.any(axis=1)):
        metric = differs.columns[differs.iloc[place]][0]
        expected = first[metric].iloc[place]
        lines.append(_describe_difference(complete, int(place), metric, expected, folders))
    if lines:
        raise _different_values(lines)


def _describe_difference(
    rows: pd.DataFrame, place: int, metric: str, expected: float, folders: Mapping[str, Path]
) -> str:
    row, values = rows.iloc[place], rows[metric].astype(float)
    # Not always the first row of this trial and seed: it may lack the value.
    same = values.eq(expected) | (values.isna() & pd.isna(expected))
    other = rows[same & (rows["number"] == row["number"])].iloc[0]
    texts = ", ".join(_describe_value(each, metric, folders) for each in (other, row))
    return f"  - {row['trial_id']} seed {row['seed']}, {metric}: {texts}"


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
