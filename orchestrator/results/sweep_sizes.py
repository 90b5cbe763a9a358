"""How much each sweep has by itself, whether or not other sweeps have the same trials."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

SIZES = "sweep_sizes"  # attribute of the trials of several sweeps: sweep -> its SweepSize


class SweepSize(NamedTuple):
    """The evaluation of a sweep in numbers; `pairs` and `complete` are of (trial, seed)."""

    trials: int
    seeds: int
    pairs: int
    complete: int


def sweep_sizes(trials: pd.DataFrame) -> dict[str, SweepSize]:
    """Return the size of each sweep: as it was before trials were pooled, if they were."""
    if SIZES in trials.attrs:
        return dict(trials.attrs[SIZES])
    evaluated = trials[trials["phase"] == "evaluation"]
    return {
        str(sweep): SweepSize(
            trials=rows["trial_id"].nunique(),
            seeds=rows["seed"].nunique(),
            pairs=len(rows),
            complete=int((rows["status"] == "complete").sum()),
        )
        for sweep, rows in evaluated.groupby("sweep", sort=False)
    }
