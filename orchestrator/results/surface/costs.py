"""What the trials of a surface cost: each task of a cell, their seconds, and their search."""

from __future__ import annotations

import pandas as pd

from orchestrator.columns import compute_flops
from orchestrator.results.bodies import APART, WITHOUT_BODY, subtract_bodies
from orchestrator.results.growth import LIMIT, memory_limits
from orchestrator.results.pooling import TABLE, pool_trials
from orchestrator.results.protocol import setting_title
from orchestrator.results.results import Results
from orchestrator.results.surface.surface import (
    BUDGETS,
    Surface,
    have_means,
    method_names,
)

CHAIN = ["sweep", "trial_id", "seed"]


def surface_trials(results: Results, surface: Surface) -> pd.DataFrame:
    """Return the trials that a surface is made of, with its name of their method as `label`."""
    trials = pool_trials(results.trials).trials
    trials = trials[have_means(trials)]
    titles = [setting_title(*setting) for setting in trials[TABLE].itertuples(index=False)]
    own = trials[pd.Series(titles, trials.index, object) == surface.title]
    return own.assign(label=method_names(own))


def cell_costs(results: Results, surface: Surface, place: tuple[int, int]) -> pd.DataFrame:
    """Return the bytes after, and FLOPs of, each task, for each method that is complete in a cell.

    Columns: `label`, `after` (from 1), `storage_bytes` (that count against the budget),
    `compute_flops` and LIMIT, means over the seeds; and APART.

    Args:
        results: which the surface is of.
        surface: of one setting.
        place: of the cell, in `surface.storage` and `surface.compute`.
    """
    trials = surface_trials(results, surface)
    budgets = surface.storage[place[0]], surface.compute[place[1]]
    among = trials["status"] == "complete"
    for name, budget in zip(BUDGETS, budgets, strict=True):
        among &= trials[name].isna() if budget is None else trials[name] == budget
    stages = results.stages[results.stages["after"] > 0]
    stages = stages.assign(compute_flops=compute_flops(stages))
    costs = ["storage_bytes", "compute_flops"]
    own = trials[among].assign(**{LIMIT: memory_limits})
    rows = own[[*CHAIN, "label", LIMIT]].merge(
        stages[[*CHAIN, "after", *costs, WITHOUT_BODY]], on=CHAIN
    )
    counted = subtract_bodies(rows, results.trials)
    by_task = counted.groupby(["label", "after"], sort=False, as_index=False)
    return by_task.agg({**dict.fromkeys([*costs, LIMIT], "mean"), APART: "any"})


def search_costs(results: Results, surface: Surface) -> pd.DataFrame:
    """Return the cost of the search within cells, a row per method that was searched.

    Columns: `method`, `cells` that have candidates, `candidates` in all cells, `search_flops` and
    `evaluation_flops`, of the training and consolidation of all distinct stages.
    """
    trials = results.trials
    titles = [setting_title(*setting) for setting in trials[TABLE].itertuples(index=False)]
    own = trials[pd.Series(titles, trials.index, object) == surface.title]
    own = own[own[BUDGETS].notna().any(axis=1)]
    candidates = own[own["phase"] == "search"]
    evaluated = own[own["phase"] == "evaluation"]
    rows = []
    for method, tried in candidates.groupby("method", sort=False):
        winners = evaluated[evaluated["method"] == method]
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
