"""What the trials of a surface cost: each task of a cell, their seconds, and their search."""

from __future__ import annotations

import pandas as pd

from orchestrator.columns import MEANS, MEANS_FLOPS, STORAGE_BOUND, compute_flops
from orchestrator.results.bodies import APART, WITHOUT_BODY, subtract_bodies
from orchestrator.results.growth import FIXED, LIMITS, compute_limits, storage_limits
from orchestrator.results.pooling import TABLE, pool_trials
from orchestrator.results.protocol import setting_title
from orchestrator.results.results import Results
from orchestrator.results.surface.comparable import are_of_part
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.task_figures import CHAIN
from orchestrator.results.surface.trials import (
    BUDGETS,
    have_means,
    method_names,
    searched_entries,
)

MEMORY = "storage_buffer_bytes"
STAGE_COSTS = [
    *(*CHAIN, "after", "storage_bytes", MEMORY, WITHOUT_BODY),
    *("train_flops", "consolidate_flops", MEANS_FLOPS),
]
GROWING_COSTS = ["storage_bytes", "compute_flops"]
BOUNDS = [FIXED, STORAGE_BOUND, *LIMITS.values()]


def surface_trials(results: Results, surface: Surface) -> pd.DataFrame:
    """Return the trials that a surface is made of, with its name of their method as `label`."""
    trials = pool_trials(results.trials).trials
    trials = trials[have_means(trials)]
    own = trials[are_of_surface(trials, surface)]
    return own.assign(label=method_names(own))


def are_of_surface(rows: pd.DataFrame, surface: Surface) -> pd.Series[bool]:
    """Return, for each row with `sweep` and the columns of TABLE, whether it is of a surface."""
    titles = [setting_title(*setting) for setting in rows[TABLE].itertuples(index=False)]
    settings = pd.Series(titles, rows.index, object)
    return are_of_part(settings, rows["sweep"], surface.title, surface.sweeps)


def cell_costs(results: Results, surface: Surface, place: tuple[int, int]) -> pd.DataFrame:
    """Return the bytes after, and FLOPs of, each task, for each method that is complete in a cell.

    The columns are those of `task_costs`, by `label`.

    Args:
        results: which the surface is of.
        surface: of one setting.
        place: of the cell, in `surface.storage` and `surface.compute`.
    """
    trials = surface_trials(results, surface)
    among = (trials["status"] == "complete") & are_in_cell(trials, surface, place)
    return task_costs(trials[among], results.stages, ["label"], results.trials)


def are_in_cell(rows: pd.DataFrame, surface: Surface, place: tuple[int, int]) -> pd.Series[bool]:
    """Return, for each row with the columns of BUDGETS, whether it has those of a cell."""
    storage, compute = (rows[name] for name in BUDGETS)
    return _equals(storage, surface.storage[place[0]]) & _equals(compute, surface.compute[place[1]])


def _equals(column: pd.Series[float], budget: float | None) -> pd.Series[bool]:
    return column.isna() if budget is None else column == budget


def task_costs(
    trials: pd.DataFrame, stages: pd.DataFrame, by: list[str], all_trials: pd.DataFrame
) -> pd.DataFrame:
    """Return the bytes after, and FLOPs of, each task, means over trials alike in some columns.

    Args:
        trials: CHAIN, `by`, the columns of MEANS, and STORAGE_BOUND if it is known.
        stages: the columns of STAGE_COSTS; tasks whose costs are null are left out.
        by: columns of trials.
        all_trials: of their sweeps, as for `subtract_bodies`.

    Returns:
        `by`, `after` (from 1), `storage_bytes` that count against the budget, `compute_flops` of
        training and consolidation, BOUNDS and APART; in the order of the trials, then of the
        stages.
    """
    own = trials.reindex(columns=list(dict.fromkeys([*CHAIN, *by, *MEANS, STORAGE_BOUND])))
    rows = own.merge(stages.loc[stages["after"] > 0, STAGE_COSTS], on=CHAIN)
    whole = rows["storage_bytes"]
    rows = subtract_bodies(rows, all_trials).assign(compute_flops=compute_flops)
    bound = rows[STORAGE_BOUND].astype(float) - (whole - rows["storage_bytes"])
    rows = rows.assign(**{STORAGE_BOUND: bound})
    rows = rows.dropna(subset=GROWING_COSTS)
    limits = dict(zip(LIMITS.values(), (storage_limits(rows), compute_limits(rows)), strict=True))
    rows = rows.assign(**limits, **{FIXED: rows["storage_bytes"] - rows[MEMORY]})
    by_task = rows.groupby([*by, "after"], sort=False, dropna=False, as_index=False)
    return by_task.agg({**dict.fromkeys([*GROWING_COSTS, *BOUNDS], "mean"), APART: "any"})


def search_costs(results: Results, surface: Surface) -> pd.DataFrame:
    """Return the cost of the search within cells, a row per entry of the sweep that was searched.

    Columns: `method` with what tells entries of it apart, `cells` that have candidates,
    `candidates` in all cells, `search_flops` and `evaluation_flops`, of the training and
    consolidation of all distinct stages.
    """
    trials = results.trials
    own = trials[are_of_surface(trials, surface)]
    own = own[own[BUDGETS].notna().any(axis=1)]
    own = own.assign(entry=searched_entries(own).fillna(own["method"]))
    candidates = own[own["phase"] == "search"]
    evaluated = own[own["phase"] == "evaluation"]
    rows = []
    for method, tried in candidates.groupby("entry", sort=False):
        winners = evaluated[evaluated["entry"] == method]
        rows.append(
            {
                "method": method,
                "cells": len(tried[BUDGETS].drop_duplicates()),
                "candidates": len(tried["trial_id"].unique()),
                "search_flops": distinct_flops(results, tried),
                "evaluation_flops": distinct_flops(results, winners),
            }
        )
    return pd.DataFrame(rows)


def distinct_flops(results: Results, trials: pd.DataFrame) -> float:
    """Return the FLOPs of training and consolidation of the distinct stages of some trials."""
    stages = results.stages.merge(trials[CHAIN].drop_duplicates(), on=CHAIN)
    return float(compute_flops(stages.drop_duplicates("key")).sum())
