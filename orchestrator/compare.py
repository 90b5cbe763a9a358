"""Comparison: one row per configuration, mean and 95% interval over its seeds.

Only complete trials of the evaluation phase count; how many others were left out, and why, is
said. Different configurations of a method are never averaged, nor different settings mixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from orchestrator.errors import UnknownName
from orchestrator.rendering import as_table as as_table
from orchestrator.rendering import render as render
from orchestrator.results import METRICS, SETTING, Results, over_seeds

ROW = [*SETTING, "method", "trial_id"]
VALUES = (*METRICS, "storage_bytes", "compute_flops", "seconds")


def comparison(results: Results, by: str = "method") -> pd.DataFrame:
    """Return a row per (sweep, benchmark, scenario, num_tasks, configuration of a method).

    Columns: those names, `label`, `n` seeds, and `_mean`, `_std` and `_ci95` (half-width of the 95%
    Student-t interval, NaN at n = 1) of the metrics, `storage_bytes`, `compute_flops` (training and
    consolidation) and `seconds` (likewise). `attrs["left_out"]` counts the (trial, seed) that were
    left out, by reason.

    Args:
        results: of one sweep or several.
        by: what a row is called after: "method" (with the hyperparameters that vary within it),
            "trial_id", or a `config.*` column, by whose value the rows are then also ordered.

    Raises:
        UnknownName: `by` is none of these.
    """
    trials = results.trials
    config = [name for name in trials.columns if name.startswith("config.")]
    if by not in ("method", "trial_id", *config):
        raise UnknownName("column to compare by", by, ("method", "trial_id", *config))
    kept = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
    kept = kept.assign(
        compute_flops=kept["train_flops"] + kept["consolidate_flops"],
        seconds=kept["train_seconds"] + kept["consolidate_seconds"],
    )
    table = over_seeds(kept, ROW, VALUES)
    first = kept.drop_duplicates(ROW)
    table.insert(len(ROW), "label", _labels(first, by, config))
    order = pd.DataFrame({"setting": table.groupby(SETTING, sort=False).ngroup()})
    if by in config:
        order["value"] = first[by].to_numpy()
    order = order.sort_values(list(order.columns), kind="stable")
    table = table.loc[order.index].reset_index(drop=True)
    table.attrs["left_out"] = _left_out(trials)
    return table


def _labels(first: pd.DataFrame, by: str, config: list[str]) -> list[str]:
    """Return a name for each configuration, given one row of each."""
    labels = first["trial_id"].copy()
    if by == "trial_id":
        return list(labels)
    for (*_, method), rows in first.groupby([*SETTING, "method"], sort=False):
        varying = [name for name in config if rows[name].nunique(dropna=False) > 1]
        shown = varying if by == "method" else [by, *(name for name in varying if name != by)]
        names = pd.Series(
            [" ".join([str(method), *_values(row, shown)]) for _, row in rows.iterrows()],
            index=rows.index,
        )
        # Values equal to six digits would give equal names.
        labels[rows.index] = names.where(
            ~names.duplicated(keep=False), names + " " + rows["trial_id"]
        )
    return list(labels)


def _values(row: pd.Series[Any], columns: list[str]) -> Iterator[str]:
    for column in columns:
        if not pd.isna(value := row[column]):
            name = column.removeprefix("config.").removeprefix("method.")
            yield f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


def _left_out(trials: pd.DataFrame) -> dict[str, int]:
    why = trials["status"].where(trials["phase"] == "evaluation", "search phase")
    return {
        str(reason): int(n) for reason, n in why[why != "complete"].value_counts(sort=False).items()
    }
