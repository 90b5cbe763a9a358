"""The values of configurations arranged by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.results.intervals import Floats
from orchestrator.results.pooling import CONFIGURATION


def arrange_by_seed(
    trials: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]
) -> list[Floats]:
    """Return columns of trials by configuration and seed, each of shape [K, S].

    Args:
        trials: complete trials, each (trial, seed) once.
        rows: K rows of a comparison.
        columns: the columns. S is the number of seeds of all rows; NaN if a row lacks a seed.
    """
    place = pd.MultiIndex.from_frame(rows[CONFIGURATION]).get_indexer(
        pd.MultiIndex.from_frame(trials[CONFIGURATION])
    )
    # -1 is a configuration that is not among the rows.
    trials, place = trials[place >= 0], place[place >= 0]
    seeds, numbers = np.unique(trials["seed"], return_inverse=True)
    arrays = []
    for column in columns:
        values = np.full((len(rows), len(seeds)), np.nan)
        values[place, numbers] = trials[column].to_numpy(float)
        arrays.append(values)
    return arrays


def count_common_seeds(seeds: Floats, reference: int) -> list[int]:
    """Return for each row the number of seeds that it shares with the reference."""
    complete = np.isfinite(seeds)
    return [int(n) for n in (complete & complete[reference]).sum(axis=1)]
