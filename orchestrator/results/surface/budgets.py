"""The FLOPs that a budget of computation allows, as recorded or from what fine-tuning spent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from orchestrator.columns import MEANS, MEANS_FLOPS, compute_flops
from orchestrator.results.intervals import Floats

_, COMPUTE, _ = MEANS
BASELINE = "finetune"

Epochs = tuple[float | None, ...]


def allowed_flops(rows: pd.DataFrame, compute: Epochs) -> Floats:
    """Return the FLOPs of all tasks that each budget of computation allows [B].

    They are the mean over the seeds. Tables of earlier releases do not have them: then those of
    fine-tuning, which meets a budget of whole epochs, and any other to a step; else the most that a
    trial spent. NaN where computation is free.
    """
    recorded = recorded_flops(rows).groupby(rows[COMPUTE]).mean()
    spent = compute_flops(rows).where(rows["status"] == "complete")
    fine_tuned = rows["method"] == BASELINE
    spent = spent.where(fine_tuned) if fine_tuned.any() else spent
    known = recorded.combine_first(spent.groupby(rows[COMPUTE]).max())
    return np.array([known.get(each, np.nan) for each in compute], dtype=float)


def spent_shares(rows: pd.DataFrame, compute: Epochs) -> pd.Series[float]:
    """Return the share of the FLOPs that its budget allows which each trial spent, of all tasks.

    Of tables of earlier releases, the share of what the budget is not above; see `most_flops`. NaN
    where nothing is known.
    """
    budgets = [each for each in compute if each is not None]
    most = pd.Series(most_flops(rows, compute)[: len(budgets)], budgets)
    allowed = recorded_flops(rows).fillna(rows[COMPUTE].map(most).astype(float))
    spent: pd.Series[float] = compute_flops(rows)
    return (spent / allowed).where(np.isfinite(allowed))


def recorded_flops(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the FLOPs of all tasks that each trial is allowed; NaN where they are not recorded."""
    unknown = pd.Series(np.nan, rows.index, dtype=float)
    return rows[MEANS_FLOPS].astype(float) if MEANS_FLOPS in rows else unknown


def most_flops(rows: pd.DataFrame, compute: Epochs) -> Floats:
    """Return FLOPs of all tasks that no budget of computation is above [B].

    Tables of earlier releases do not have the budget, compute times the FLOPs of fine-tuning for an
    epoch. Where a budget of the grid is of whole epochs, fine-tuning spends it exactly, and all
    budgets follow. Where none is, fine-tuning leaves less than a step on each task, so that one
    more of each is an upper bound.

    inf where nothing is known: computation is free, or no trial of fine-tuning is complete, or its
    trials spend different FLOPs (tasks of other sizes, or other networks).
    """
    trials = rows[(rows["method"] == BASELINE) & (rows["status"] == "complete")]
    spent = compute_flops(trials).groupby(trials[COMPUTE])
    if trials.empty or compute == (None,) or (spent.nunique() > 1).any():
        return np.full(len(compute), np.inf)
    budgets, most = np.array(compute, dtype=float), spent.max()
    if whole := [flops / epochs for epochs, flops in most.items() if is_whole(epochs)]:
        return np.asarray(budgets * whole[0])
    bound = (most + spent_in_a_step(trials).groupby(trials[COMPUTE]).max()).reindex(budgets)
    return np.asarray(bound.fillna(np.inf), dtype=float)


def is_whole(epochs: Any) -> bool:
    """Return whether a number of epochs is whole."""
    return float(epochs).is_integer()


def spent_in_a_step(trials: pd.DataFrame) -> pd.Series[float]:
    """Return the FLOPs of one more step on each task, by trial of fine-tuning."""
    of_an_example = trials["train_flops"] / trials["samples"]
    return of_an_example * trials["config.training.batch_size"] * trials["num_tasks"]
