"""Agreement of FLOPs with measured seconds on this hardware: the correlation of their ranks."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from scipy.stats import spearmanr

from orchestrator.columns import compute_flops, compute_seconds
from orchestrator.results.pooling import TABLE

LEAST = 3  # trials that a rank correlation takes


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of FLOPs and seconds over trials of a device.

    Attributes:
        device: its name.
        n: number of trials.
        rho: the correlation; NaN with fewer than three trials, or if all have equal FLOPs.
    """

    device: str
    n: int
    rho: float


def rank_agreements(trials: pd.DataFrame) -> list[Agreement]:
    """Return the agreement of FLOPs and seconds on each device.

    Args:
        trials: `device`, `compute_flops` and `seconds`, as from `measured_costs`.
    """
    return [
        Agreement(str(device), len(rows), rank_correlation(rows))
        for device, rows in trials.groupby("device", sort=False)
    ]


def rank_correlation(trials: pd.DataFrame) -> float:
    """Return Spearman's correlation of `compute_flops` and `seconds`; ties have their mean rank."""
    flops, seconds = trials["compute_flops"], trials["seconds"]
    if len(trials) < LEAST or flops.nunique() < 2 or seconds.nunique() < 2:
        return float("nan")
    return float(spearmanr(flops, seconds).statistic)


def measured_costs(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the complete trials whose time was measured, with what training took.

    Columns: `sweep`, those of TABLE, `method`, `trial_id`, `seed`, `device`, `compute_flops` and
    `seconds`, both of training and consolidation.
    """
    rows = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
    table = rows[["sweep", *TABLE, "method", "trial_id", "seed"]].assign(
        device=rows["device"].fillna("not known"),
        compute_flops=compute_flops(rows),
        seconds=compute_seconds(rows),
    )
    return table[(table["compute_flops"] > 0) & (table["seconds"] > 0)].reset_index(drop=True)
