"""Comparison: one row per configuration, mean and 95% interval over its seeds.

Only complete trials of the evaluation phase count; how many others were left out, and why, is
said. Different configurations of a method are never averaged, nor different settings mixed.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from orchestrator.errors import UnknownName
from orchestrator.results.naming import labels, short_names
from orchestrator.results.pareto import DEFAULT, on_front
from orchestrator.results.protocol import grouped
from orchestrator.results.results import METRICS, SETTING, Results, over_seeds
from orchestrator.sweep.objective import Mode

ROW = [*SETTING, "method", "trial_id"]
VALUES = (*METRICS, "storage_bytes", "compute_flops", "seconds")


def comparison(
    results: Results, by: str = "method", together: bool = False, force: bool = False
) -> pd.DataFrame:
    """Return a row per (sweep, benchmark, scenario, num_tasks, configuration of a method).

    Columns: those names, `label`, `table` (the number of the table that the row belongs to), `n`
    seeds, and `_mean`, `_std` and `_ci95` (half-width of the 95% Student-t interval, NaN at n = 1)
    of the metrics, `storage_bytes`, `compute_flops` (training and consolidation) and `seconds`
    (likewise). With `force`, `not_comparable` says in what the rows of a table differ though they
    should not. `attrs["left_out"]` counts the (trial, seed) that were left out, by reason;
    `attrs["apart"]` says why rows of one setting are in several tables.

    Args:
        results: of one sweep or several.
        by: what a row is called after: "method" (with the hyperparameters that vary within it),
            "trial_id", or a `config.*` column, by whose value the rows are then also ordered. The
            short name of a column will do.
        together: several sweeps are meant for one comparison: if they cannot be, that is an error.
        force: one table for each benchmark, whatever differs.

    Raises:
        UnknownName: `by` is none of these.
        RepertoireError: sweeps that are meant for one comparison cannot be compared.
    """
    trials = results.trials
    config = [name for name in trials.columns if name.startswith("config.")]
    by = _column(by, config)
    kept = evaluated(trials)
    first = kept.drop_duplicates(ROW)
    grouping = grouped(first, together, force)
    table = over_seeds(kept, ROW, VALUES).set_index(first.index)
    at = len(ROW)
    table.insert(at, "table", grouping.table)
    table.insert(at, "label", labels(first.assign(table=grouping.table), by, config, ["table"]))
    if grouping.differences:
        said = grouping.table.map(grouping.differences).fillna("")
        table.insert(at + 2, "not_comparable", said)
    order = pd.DataFrame({"table": grouping.table} | ({"value": first[by]} if by in config else {}))
    order = order.sort_values(list(order.columns), kind="stable")
    table = table.loc[order.index].reset_index(drop=True)
    table.attrs = {"left_out": _left_out(trials), "apart": grouping.apart}
    return table


def evaluated(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: complete, of the evaluation phase; with sums of costs added."""
    kept = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
    return kept.assign(
        compute_flops=kept["train_flops"] + kept["consolidate_flops"],
        seconds=kept["train_seconds"] + kept["consolidate_seconds"],
    )


def with_front(table: pd.DataFrame, metrics: Sequence[str] = DEFAULT) -> pd.DataFrame:
    """Add `front`: whether a row is on the Pareto front of its table.

    Raises:
        UnknownName: no such metric.
    """
    marked = table.assign(front=on_front(table, metrics, within=["table"]))
    marked.attrs = {**table.attrs, "front": tuple(metrics)}
    return marked


def pareto(
    results: Results, metrics: Sequence[str] = DEFAULT, modes: Sequence[Mode] | None = None
) -> pd.DataFrame:
    """Return the rows of the comparison that are on the Pareto front of their table.

    Args:
        results: of one sweep or several.
        metrics: names of VALUES.
        modes: "max" or "min" for each; None: costs and forgetting small, all else large.

    Raises:
        UnknownName: no such metric, or mode.
    """
    table = comparison(results)
    return table[on_front(table, metrics, modes, ["table"])].reset_index(drop=True)


def _column(by: str, config: Sequence[str]) -> str:
    """Return what to call rows after, given it in full or in short."""
    known = {"method": "method", "trial_id": "trial_id"}
    known |= {column: column for column in config}
    known |= {short: column for column, short in short_names(config).items() if short not in known}
    if by not in known:
        raise UnknownName("column to compare by", by, ("method", "trial_id", *config))
    return known[by]


def _left_out(trials: pd.DataFrame) -> dict[str, int]:
    why = trials["status"].where(trials["phase"] == "evaluation", "search phase")
    return {
        str(reason): int(n) for reason, n in why[why != "complete"].value_counts(sort=False).items()
    }
