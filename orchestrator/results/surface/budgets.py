"""The FLOPs that a budget of computation allows, as recorded or from what fine-tuning spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.columns import MEANS, MEANS_FLOPS, compute_flops
from orchestrator.results.intervals import Floats

_, COMPUTE, _ = MEANS
BASELINE = "finetune"

Epochs = tuple[float | None, ...]


def network_numbers(rows: pd.DataFrame) -> pd.Series[int]:
    """Return the number of the network of each trial, whose epochs are its unit of computation."""
    columns = [name for name in map(str, rows) if name.startswith("config.network.")]
    if not columns:
        return pd.Series(0, rows.index)
    return rows.groupby(columns, dropna=False, sort=False).ngroup()


def allowed_flops(rows: pd.DataFrame, methods: Sequence[int], compute: Epochs) -> Floats:
    """Return the FLOPs of all tasks that budgets of computation allow each method [M, B].

    They are the mean over the seeds of its network. Tables of earlier releases do not have them:
    then those of fine-tuning, which meets a budget of whole epochs, and any other to a step; else
    the most that a trial of the network spent. NaN where computation is free.

    Args:
        rows: the trials of all methods.
        methods: number of the method of each.
        compute: budgets in epochs of fine-tuning [B].
    """
    network = network_numbers(rows)
    cell = [network, rows[COMPUTE]]
    recorded = recorded_flops(rows).groupby(cell).transform("mean")
    fine_tuned = rows["method"] == BASELINE
    counts = fine_tuned | ~fine_tuned.groupby(network).transform("any")
    spent = compute_flops(rows).where(counts & (rows["status"] == "complete"))
    known = recorded.fillna(spent.groupby(cell).transform("max"))
    by_method = known.groupby([np.asarray(methods), rows[COMPUTE]]).mean()
    pairs = [
        [by_method.get((m, each), np.nan) for each in compute] for m in range(1 + max(methods))
    ]
    return np.array(pairs, dtype=float)


def spent_shares(rows: pd.DataFrame, compute: Epochs) -> pd.Series[float]:
    """Return the share of the FLOPs that its budget allows which each trial spent, of all tasks.

    Of tables of earlier releases, the share of what the budget is not above; see `most_flops`. NaN
    where nothing is known.
    """
    budgets = [each for each in compute if each is not None]
    allowed = recorded_flops(rows)
    for _, own in rows.groupby(network_numbers(rows)):
        most = pd.Series(most_flops(own, compute)[: len(budgets)], budgets)
        allowed = allowed.fillna(own[COMPUTE].map(most).astype(float))
    spent: pd.Series[float] = compute_flops(rows)
    return (spent / allowed).where(np.isfinite(allowed))


def recorded_flops(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the FLOPs of all tasks that each trial is allowed; NaN where they are not recorded."""
    unknown = pd.Series(np.nan, rows.index, dtype=float)
    return rows[MEANS_FLOPS].astype(float) if MEANS_FLOPS in rows else unknown


def most_flops(rows: pd.DataFrame, compute: Epochs) -> Floats:
    """Return FLOPs of all tasks that no budget of computation of a network is above [B].

    Tables of earlier releases do not have the budget, compute times the FLOPs of fine-tuning for an
    epoch. Where a budget of the grid is of whole epochs, fine-tuning spends it exactly, and all
    budgets follow. Where none is, fine-tuning leaves less than a step on each task, so that one
    more of each is an upper bound.

    inf where nothing is known: computation is free, or no trial of fine-tuning is complete, or its
    trials spend different FLOPs (tasks of other sizes).
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
