"""What trials carry after any of their tasks, spend of the budget of each, and cost.

A budget of storage is of the most that is carried, and one of computation of each task; neither is
seen in what a trial carries at its end, or spends in sum.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestrator.columns import MEANS_FLOPS, compute_flops, compute_seconds
from orchestrator.results.surface.budgets import Epochs, spent_shares
from orchestrator.results.surface.trials import BUDGETS, DIAL

CHAIN = ["sweep", "trial_id", "seed"]
STAGE_FIGURES = [*CHAIN, "after", "storage_bytes", "train_flops", "consolidate_flops", MEANS_FLOPS]
LARGEST = "largest_storage_bytes"  # carried after any task
LEAST_SHARE, MOST_SHARE = "least_task_share", "most_task_share"  # of the budget of a task
TASK_BUDGETS = "task_budgets"  # FLOPs, as text
ORDER = "config.benchmark.order"
DIAL_OF_STEPS = "training.iterations"


def add_task_figures(trials: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """Return trials with LARGEST, LEAST_SHARE, MOST_SHARE and TASK_BUDGETS of their tasks.

    They are NaN for trials without stages; all but the first also where tables of earlier releases
    do not have the budgets of tasks.

    Args:
        trials: the columns of CHAIN.
        stages: those of STAGE_FIGURES, MEANS_FLOPS if it is known; may be empty.
    """
    if stages.empty:
        names = (LARGEST, LEAST_SHARE, MOST_SHARE, TASK_BUDGETS)
        return trials.assign(**dict.fromkeys(names, np.nan))
    tasks = stages[stages["after"] > 0].sort_values("after", kind="stable")
    allowed = tasks.get(MEANS_FLOPS, pd.Series(np.nan, tasks.index)).astype(float)
    shares = compute_flops(tasks) / allowed.where(allowed > 0)
    by_chain = tasks[CHAIN].assign(share=shares, size=tasks["storage_bytes"]).groupby(CHAIN)
    figures = by_chain.agg(
        **{
            LARGEST: ("size", "max"),
            LEAST_SHARE: ("share", "min"),
            MOST_SHARE: ("share", "max"),
        }
    )
    known = tasks[allowed.notna()]
    texts = known[MEANS_FLOPS].astype(str) if len(known) else pd.Series(dtype=str)
    figures[TASK_BUDGETS] = texts.groupby([known[name] for name in CHAIN]).agg(" ".join)
    return trials.join(figures, on=CHAIN)


def largest_storage(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the most bytes that each trial carried; after its last task where no more is known."""
    final = rows["storage_bytes"].astype(float)
    return rows[LARGEST].fillna(final) if LARGEST in rows else final


def share_figures(rows: pd.DataFrame, compute: Epochs) -> dict[str, pd.Series[float]]:
    """Return the shares of budgets that trials spent, by the attribute of a surface that has them.

    Where those of tasks are not known, they are that of all tasks.
    """
    whole = spent_shares(rows, compute)
    names = {"least_shares": LEAST_SHARE, "most_shares": MOST_SHARE}
    of_tasks = {
        name: rows[column].fillna(whole) if column in rows else whole
        for name, column in names.items()
    }
    return {"shares": whole, **of_tasks}


def have_common_steps(rows: pd.DataFrame, methods: pd.Series[str]) -> bool:
    """Return whether a cell has as many steps on all seeds though their tasks differ in size.

    So it was before steps were solved for on each seed. Tasks whose budgets differ have other
    sizes. Tables of earlier releases do not have these; there an order of classes for each seed
    counts, by which sizes may differ.

    Args:
        rows: the trials of a surface, with TASK_BUDGETS if it is known.
        methods: the method of each.
    """
    steps = rows[DIAL].astype(str).str.contains(DIAL_OF_STEPS, regex=False)
    own = rows[steps & (rows["status"] == "complete")]
    seeded = own[ORDER] == "seeded" if ORDER in own else pd.Series(False, own.index)
    sizes = own["seed"].astype(str).where(seeded, "")
    if TASK_BUDGETS in own:
        sizes = own[TASK_BUDGETS].where(own[TASK_BUDGETS].notna(), sizes)
    cell = [methods[own.index], *(own[name] for name in BUDGETS)]
    several, dials = (of.groupby(cell, dropna=False).nunique() for of in (sizes, own[DIAL]))
    return bool(((several > 1) & (dials == 1)).any())


def trial_costs(rows: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Return the costs of each trial, by the attribute of a surface that has them."""
    prediction = rows["inference_flops"]
    pace = rows["eval_seconds"] / rows["eval_flops"].where(rows["eval_flops"] > 0)
    return {
        "carried": largest_storage(rows),
        "bodies": rows["storage_backbone_bytes"].fillna(0),
        "spent": compute_flops(rows),
        "seconds": compute_seconds(rows),
        "prediction_flops": prediction,
        "prediction_seconds": (prediction * pace).where(prediction > 0, prediction),
    }
