"""Trials of several sweeps pooled, so that each (trial, seed) counts once; averages over seeds.

`load` and the comparison, and through it the command line, the report and the dashboard, count
seeds by `pool_trials` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from orchestrator.columns import METRICS, VALIDATED
from orchestrator.errors import RepertoireError

TABLE = ["benchmark", "scenario", "num_tasks"]  # equal in all rows of a table of a comparison
SETTING = ["sweep", *TABLE]
CONFIGURATION = [*TABLE, "method", "trial_id"]
ALSO_IN = "also_in"
ROUNDING = 1e-9  # releases may sum the same accuracies in different orders
MAX_LISTED = 5  # rows, in a message


@dataclass(frozen=True, eq=False)
class Pool:
    """Trials, each (trial, seed) once.

    Attributes:
        trials: the rows that count, in their order, with a column `also_in`: the other sweeps with
            the same (trial, seed), separated by commas.
        counts: for each row given, whether it counts.
        notes: the number of rows that do not count, and their sweeps.
    """

    trials: pd.DataFrame
    counts: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def pool_trials(trials: pd.DataFrame, folders: Mapping[str, Path] | None = None) -> Pool:
    """Return each (trial, seed, phase) once: the first of the rows with the most tasks done.

    Args:
        trials: rows of the trials table, of one sweep or several. The caller gives sweeps of one
            name in several folders different names.
        folders: sweep -> folder, for messages.

    Raises:
        RepertoireError: two complete rows of one (trial, seed) have different values.
    """
    if ALSO_IN in trials:
        return Pool(trials, np.ones(len(trials), dtype=bool))
    rows = trials.reset_index(drop=True)
    key = [*CONFIGURATION, "phase", "seed"]
    if not rows.duplicated(key).any():
        return Pool(trials.assign(**{ALSO_IN: ""}), np.ones(len(rows), dtype=bool))
    number = rows.groupby(key, sort=False, dropna=False).ngroup()
    several = rows[number.duplicated(keep=False)].assign(number=number)
    _require_equal_values(several, folders or {})
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
    return Pool(kept, counts, (_duplicates_note(several, int((~counts).sum())),))


def sweeps_by_configuration(rows: pd.DataFrame) -> list[list[str]]:
    """Return for each configuration of pooled rows the sweeps that have it, in order."""
    sweeps = (rows["sweep"] + ", " + rows[ALSO_IN]).str.removesuffix(", ")
    groups = sweeps.groupby([rows[name] for name in CONFIGURATION], sort=False, dropna=False)
    return [
        list(dict.fromkeys(sweep for text in texts for sweep in text.split(", ")))
        for _, texts in groups
    ]


def _require_equal_values(several: pd.DataFrame, folders: Mapping[str, Path]) -> None:
    """Raise RepertoireError if complete rows of one (trial, seed) differ in a metric."""
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
        values_text = ", ".join(
            _describe_value(each, metric, folders) for each in (complete.iloc[other], row)
        )
        lines.append(f"  - {row['trial_id']} seed {row['seed']}, {metric}: {values_text}")
    more = [f"  - and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    raise RepertoireError(
        "the same trial and seed has different values in two folders:\n"
        + "\n".join([*lines[:MAX_LISTED], *more])
        + "\nthey cannot both count; give only one of the folders, or run one of the sweeps again"
    )


def _describe_value(row: pd.Series[Any], metric: str, folders: Mapping[str, Path]) -> str:
    return f"{row[metric]:.6g} in {folders.get(row['sweep'], row['sweep'])}"


def _duplicates_note(several: pd.DataFrame, dropped: int) -> str:
    sweeps = ", ".join(dict.fromkeys(several["sweep"]))
    rows = "row is" if dropped == 1 else "rows are"
    return f"{dropped} {rows} not counted, since several sweeps have the (trial, seed): {sweeps}"


def average_configurations(
    trials: pd.DataFrame, values: Iterable[str], more: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a row per configuration, averaged over its seeds in all sweeps.

    Args:
        trials: rows of the trials table, each (trial, seed) once.
        values: columns to average.
        more: columns that divide a configuration into several rows.

    Returns:
        `sweep` (the first that has the configuration), the rest of SETTING, `more`, `method`,
        `trial_id`, and the columns of `average_over_seeds`.
    """
    by = [*SETTING[1:], *more, "method", "trial_id"]
    table = average_over_seeds(trials, by, values)
    first = trials.drop_duplicates(by)["sweep"]
    table.insert(0, "sweep", first.to_numpy())
    return table


def average_over_seeds(trials: pd.DataFrame, by: list[str], values: Iterable[str]) -> pd.DataFrame:
    """Return a row per group, in order of appearance: columns `by`, count `n`, averages.

    Each value gives the columns `<value>_mean`, `<value>_std` and `<value>_ci95`, the half-width of
    the 95% Student-t interval of the mean. The last two are NaN at n = 1.
    """
    values = list(values)
    groups = trials.groupby(by, sort=False, dropna=False)
    number, n = groups.ngroup().to_numpy(np.int64), groups.size()
    numbers = trials[values].to_numpy(dtype=float)
    count = n.to_numpy(dtype=float)[:, None]
    mean = _sum_by_group(numbers, number, len(n)) / count
    squares = _sum_by_group((numbers - mean[number]) ** 2, number, len(n))
    with np.errstate(invalid="ignore", divide="ignore"):
        std = np.sqrt(squares / (count - 1))
    ci95 = stdtrit(np.maximum(count - 1, 1), 0.975) * std / np.sqrt(count)
    figures = np.stack([mean, std, ci95], axis=2).reshape(len(n), 3 * len(values))
    parts = [f"{value}_{part}" for value in values for part in ("mean", "std", "ci95")]
    table = n.rename("n").reset_index()
    return pd.concat([table, pd.DataFrame(figures, columns=parts, dtype=float)], axis="columns")


def _sum_by_group(
    values: NDArray[np.float64], groups: NDArray[np.integer[Any]], num: int
) -> NDArray[np.float64]:
    """Return the sums of rows by group, shape [num, columns]; NaN if any value is NaN."""
    return np.stack([np.bincount(groups, column, num) for column in values.T], axis=1)
