"""Comparison: one row per configuration, mean and 95% interval over its seeds.

Only complete trials of the evaluation phase count; how many others were left out, and why, is
said. A configuration is one row however many sweeps hold it. Different configurations of a method
are never averaged, nor different settings mixed.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from orchestrator.columns import METRICS
from orchestrator.errors import UnknownName
from orchestrator.results.averages import per_configuration
from orchestrator.results.naming import labels, names_over_tables, short_names
from orchestrator.results.pareto import DEFAULT, on_front
from orchestrator.results.pooling import CONFIGURATION, SETTING, holders, pooled
from orchestrator.results.protocol import group_into_tables, protocol_columns
from orchestrator.results.results import Results
from orchestrator.results.winners import keys_of, winning_settings
from orchestrator.sweep.objective import Mode

ROW = [*SETTING, "method", "trial_id"]
VALUES = (*METRICS, "storage_bytes", "compute_flops", "seconds")


class Names(dict[str, str]):
    """A name for each trial id, in the attributes of a frame, which pandas copies at each step."""

    def __deepcopy__(self, memo: object) -> Names:
        return self


def comparison(
    results: Results,
    by: str = "method",
    together: bool = False,
    force: bool = False,
    values: Sequence[str] = VALUES,
) -> pd.DataFrame:
    """Return a row per (benchmark, scenario, num_tasks, configuration of a method).

    Columns: `sweep` (the first that holds it), those names, `table` (the number of the table that
    the row belongs to), `label`, `n` seeds, and `_mean`, `_std` and `_ci95` (half-width of the 95%
    Student-t interval, NaN at n = 1) of the metrics, `storage_bytes`, `compute_flops` (training and
    consolidation) and `seconds` (likewise); last, `sweeps`, all that hold it. With `force`,
    `not_comparable` says in what the rows of a table differ though they should not.

    Attributes of the frame, each for `closing_notes`: `left_out` counts the (trial, seed) that were
    left out, by reason; `apart` says why rows of one setting are in several tables; `varied` what
    differs within a table because a sweep varies it; `chosen` the hyperparameters of winners of a
    search; `pooled` what is held more than once; `over_tables` what a trial id is called where
    tables are read side by side.

    Args:
        results: of one sweep or several.
        by: what a row is called after: "method" (with the hyperparameters that vary within it),
            "trial_id", or a `config.*` column, by whose value the rows are then also ordered. The
            short name of a column will do.
        together: several sweeps are meant for one comparison: if they cannot be, that is an error.
        force: one table for each benchmark, whatever differs.
        values: columns to take means of.

    Raises:
        UnknownName: `by` is none of these.
        RepertoireError: sweeps that are meant for one comparison cannot be compared.
    """
    pool = pooled(results.trials)
    trials = pool.trials
    config = [name for name in trials.columns if name.startswith("config.")]
    by = _column(by, config)
    kept = evaluated(trials)
    first = kept.drop_duplicates(CONFIGURATION)
    held_by = holders(kept)
    grouping = group_into_tables(first, held_by, together, force)
    table = per_configuration(kept, values).set_index(first.index)
    common = protocol_columns(first)
    named = labels(first.assign(table=grouping.table), by, config, ["table"], common)
    table.insert(len(ROW), "table", grouping.table)
    table.insert(len(ROW), "label", named)
    if grouping.differences:
        differences = grouping.table.map(grouping.differences).fillna("")
        table.insert(len(ROW) + 2, "not_comparable", differences)
    table["sweeps"] = [", ".join(sweeps) for sweeps in held_by]
    over_tables = names_over_tables(first, grouping.table, config)
    order = pd.DataFrame({"table": grouping.table} | ({"value": first[by]} if by in config else {}))
    order = order.sort_values(list(order.columns), kind="stable")
    table = table.loc[order.index].reset_index(drop=True)
    table.attrs = {
        "left_out": left_out(trials),
        "apart": grouping.apart,
        "varied": grouping.varied,
        "chosen": _chosen(trials, results.stages, table),
        "pooled": [*results.notes, *pool.notes],
        "over_tables": Names(zip(first["trial_id"], over_tables, strict=True)),
    }
    return table


def evaluated(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: complete, of the evaluation phase; with sums of costs added."""
    kept = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
    return kept.assign(
        compute_flops=kept["train_flops"] + kept["consolidate_flops"],
        seconds=kept["train_seconds"] + kept["consolidate_seconds"],
    )


def _chosen(trials: pd.DataFrame, stages: pd.DataFrame, table: pd.DataFrame) -> dict[str, str]:
    """Return the label of each row that won a search, with the hyperparameters that it won by."""
    texts = winning_settings(trials, stages)
    labels = dict(zip(keys_of(table), table["label"], strict=True))
    return {str(labels[key]): text for key, text in texts.items() if key in labels}


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


def left_out(trials: pd.DataFrame) -> dict[str, int]:
    """Return how many (trial, seed) are not compared, by reason."""
    why = trials["status"].where(trials["phase"] == "evaluation", "search phase")
    return {
        str(reason): int(n) for reason, n in why[why != "complete"].value_counts(sort=False).items()
    }
