"""Averages over seeds: mean, standard deviation and 95% interval of each configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.results.intervals import half_interval
from orchestrator.results.pooling import IN_TABLE


def average_configurations(
    trials: pd.DataFrame, values: Iterable[str], more: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a row per configuration, averaged over its seeds in all sweeps.

    Args:
        trials: rows of the trials table, each (trial, seed) once.
        values: columns to average.
        more: columns that divide a configuration into several rows.

    Returns:
        `sweep` (the first that has the configuration), the rest of IN_TABLE, `more`, `method`,
        `trial_id`, and the columns of `average_over_seeds`.
    """
    by = [*IN_TABLE[1:], *more, "method", "trial_id"]
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
    # From the mean, in a second pass: sums of squares would lose the digits of equal values.
    squares = _sum_by_group((numbers - mean[number]) ** 2, number, len(n))
    # At n = 1 the deviation is 0/0, NaN.
    with np.errstate(invalid="ignore", divide="ignore"):
        std = np.sqrt(squares / (count - 1))
    ci95 = half_interval(std, count)
    figures = np.stack([mean, std, ci95], axis=2).reshape(len(n), 3 * len(values))
    parts = [f"{value}_{part}" for value in values for part in ("mean", "std", "ci95")]
    table = n.rename("n").reset_index()
    return pd.concat([table, pd.DataFrame(figures, columns=parts, dtype=float)], axis="columns")


def _sum_by_group(
    values: NDArray[np.float64], groups: NDArray[np.integer[Any]], num: int
) -> NDArray[np.float64]:
    """Return the sums of rows by group, shape [num, columns]; NaN if any value is NaN."""
    return np.stack([np.bincount(groups, column, num) for column in values.T], axis=1)
