"""Pooling: each (trial, seed) of several sweeps counts once, however many folders hold it.

Everything that counts seeds goes through `pooled`: `load`, the comparison, and with it the command
line, the report and the dashboard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.columns import METRICS, VALIDATED
from orchestrator.errors import RepertoireError

TABLE = ["benchmark", "scenario", "num_tasks"]  # what a table of a comparison is about
SETTING = ["sweep", *TABLE]
CONFIGURATION = [*TABLE, "method", "trial_id"]
ALSO_IN = "also_in"
ROUNDING = 1e-9  # another release may have summed the same accuracies in another order
NAMED = 5  # rows, in a message


@dataclass(frozen=True, eq=False)
class Pooled:
    """Trials, each (trial, seed) once.

    Attributes:
        trials: the rows that count, in their order, with a column `also_in`: the other sweeps that
            hold the same (trial, seed), separated by commas.
        counts: for each row given, whether it is one of them.
        notes: how many rows were not counted, and which sweeps they are in.
    """

    trials: pd.DataFrame
    counts: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def pooled(trials: pd.DataFrame, folders: Mapping[str, Path] | None = None) -> Pooled:
    """Return each (trial, seed, phase) once: the row that got furthest, or the first of equals.

    Args:
        trials: of one sweep or several; sweeps of one name in several folders must have been given
            different names.
        folders: the folder of each sweep, for messages.

    Raises:
        RepertoireError: two complete rows of one (trial, seed) have different values.
    """
    if ALSO_IN in trials:
        return Pooled(trials, np.ones(len(trials), dtype=bool))
    rows = trials.reset_index(drop=True)
    key = [*CONFIGURATION, "phase", "seed"]
    if not rows.duplicated(key).any():
        return Pooled(trials.assign(**{ALSO_IN: ""}), np.ones(len(rows), dtype=bool))
    number = rows.groupby(key, sort=False, dropna=False).ngroup()
    several = rows[number.duplicated(keep=False)].assign(number=number)
    _refuse_differences(several, folders or {})
    ranked = several.assign(complete=several["status"] == "complete")
    ranked = ranked.sort_values(
        ["complete", "tasks_done"], ascending=False, kind="stable", na_position="last"
    )
    counts = np.ones(len(rows), dtype=bool)
    counts[ranked.index[ranked["number"].duplicated()]] = False
    held_by = several.groupby("number")["sweep"].agg(lambda sweeps: list(dict.fromkeys(sweeps)))
    others = {
        index: ", ".join(sweep for sweep in held_by[row_number] if sweep != own)
        for index, row_number, own in several[["number", "sweep"]].itertuples()
    }
    also_in = rows.index.map(others).fillna("").astype(str)
    kept = trials.assign(**{ALSO_IN: also_in})[counts]
    return Pooled(kept, counts, (_note(several, int((~counts).sum())),))


def holders(rows: pd.DataFrame) -> list[list[str]]:
    """Return for each configuration of pooled rows the sweeps that hold it, in order."""
    named = (rows["sweep"] + ", " + rows[ALSO_IN]).str.removesuffix(", ")
    groups = named.groupby([rows[name] for name in CONFIGURATION], sort=False, dropna=False)
    return [
        list(dict.fromkeys(sweep for text in texts for sweep in text.split(", ")))
        for _, texts in groups
    ]


def _refuse_differences(several: pd.DataFrame, folders: Mapping[str, Path]) -> None:
    """Raise if complete rows of one (trial, seed) differ in a metric."""
    complete = several[several["status"] == "complete"]
    names = [name for name in (*METRICS, *VALIDATED) if name in complete]
    values = complete[names].astype(float)
    first = values.groupby(complete["number"]).transform("first")
    differs = (values - first).abs() > ROUNDING
    differs |= values.isna() & first.notna()
    if not differs.to_numpy().any():
        return
    lines = []
    numbers, places = complete["number"].to_numpy(), np.flatnonzero(differs.any(axis=1))
    for place in places:
        metric = differs.columns[differs.iloc[place]][0]
        expected = first[metric].iloc[place]
        same = values[metric].eq(expected) | (values[metric].isna() & pd.isna(expected))
        other = np.flatnonzero((numbers == numbers[place]) & same.to_numpy())[0]
        row = complete.iloc[place]
        lines.append(
            f"  - {row['trial_id']} seed {row['seed']}, {metric}: "
            f"{_place(complete.iloc[other], metric, folders)}, {_place(row, metric, folders)}"
        )
    more = [f"  - and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    raise RepertoireError(
        "the same trial and seed has different values in two folders:\n"
        + "\n".join([*lines[:NAMED], *more])
        + "\nthey cannot both count; give the folder that is meant, or run one of them anew"
    )


def _place(row: pd.Series[Any], metric: str, folders: Mapping[str, Path]) -> str:
    return f"{row[metric]:.6g} in {folders.get(row['sweep'], row['sweep'])}"


def _note(several: pd.DataFrame, dropped: int) -> str:
    sweeps = ", ".join(dict.fromkeys(several["sweep"]))
    rows = "row is" if dropped == 1 else "rows are"
    return f"{dropped} {rows} of a (trial, seed) held more than once, which counts once: {sweeps}"
