"""Comparison: one row per configuration, with mean and 95% interval over its seeds.

Only complete trials of the evaluation phase count; the number of the others is reported by reason.
A configuration in several sweeps is one row. Configurations of a method are never averaged, and
settings are never mixed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from orchestrator.columns import METRICS, compute_flops, compute_seconds
from orchestrator.errors import UnknownName
from orchestrator.results.averages import average_configurations
from orchestrator.results.grouping import Grouping, group_into_tables
from orchestrator.results.names.across_tables import names_across_tables
from orchestrator.results.names.additions import name_settings
from orchestrator.results.names.code_texts import fill_code
from orchestrator.results.names.hyperparameter_text import SCHEDULE, short_column_names
from orchestrator.results.names.naming import labels
from orchestrator.results.names.roster import (
    SWEEPS,
    configuration_index,
    list_configurations,
)
from orchestrator.results.pooling import (
    CONFIGURATION,
    IN_TABLE,
    pool_trials,
    sweeps_by_configuration,
)
from orchestrator.results.protocol import protocol_columns
from orchestrator.results.results import Results
from orchestrator.results.winners import chosen_by_name

ROW = [*IN_TABLE, "method", "trial_id"]
VALUES = (*METRICS, "storage_bytes", "compute_flops", "seconds")


CANDIDATES = "search phase"  # the reason why candidates of a search are not compared


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

    Columns: `sweep` (the first that has the configuration), the columns above, `table` (the number
    of the row's table), `label`, `n` seeds, and `_mean`, `_std` and `_ci95` (half-width of the 95%
    Student-t interval, NaN at n = 1) of the metrics, `storage_bytes`, `compute_flops` and `seconds`
    (both of training and consolidation); last `sweeps`, all that have the configuration. With
    `force`, `not_comparable` lists the protocol columns in which the rows of a table differ.

    Attributes of the frame, for `closing_notes`: `left_out`, the number of (trial, seed) left out
    by reason; `apart`, why rows of one setting are in several tables; `varied`, the columns that a
    sweep varies within a table; `chosen`, the hyperparameters of the winners of a search; `pooled`,
    notes on rows that several sweeps have; `over_tables`, trial id -> the name of a configuration
    that is the same in all tables.

    Args:
        results: of one sweep or several.
        by: the source of the labels: "method" (with the hyperparameters that vary within it),
            "trial_id", or a `config.*` column or its short name. Rows are also ordered by the value
            of a `config.*` column.
        together: refuse sweeps of one setting that are not comparable, instead of putting them into
            tables of their own.
        force: one table for each benchmark, even if its rows are not comparable.
        values: columns to average.

    Raises:
        UnknownName: there is no such column.
        RepertoireError: with `together`, the sweeps of a setting are not comparable.
    """
    pool = pool_trials(results.trials)
    trials = pool.trials
    solved = dial_columns(trials)
    config = [name for name in trials.columns if name.startswith("config.") and name not in solved]
    by = _resolve_column(by, config)
    evaluated = fill_code(trials[trials["phase"] == "evaluation"])
    kept = complete_evaluations(evaluated)
    first = kept.drop_duplicates(CONFIGURATION)
    sweeps_of_rows = sweeps_by_configuration(kept)
    grouping = group_into_tables(first, sweeps_of_rows, together, force)
    # Both have a row for each configuration, in order of appearance.
    table = average_configurations(kept, values).set_index(first.index)
    row_labels, over_tables = _name_rows(evaluated, first, grouping, by, config)
    _insert_names(table, row_labels, grouping)
    table["sweeps"] = [", ".join(sweeps) for sweeps in sweeps_of_rows]
    table = _sort_rows(table, first[by] if by in config else None)
    table.attrs = {
        "left_out": count_left_out(trials),
        "apart": grouping.apart,
        "varied": grouping.varied,
        "chosen": chosen_by_name(trials, results.stages, table),
        "pooled": [*results.notes, *pool.notes],
        "over_tables": Names(zip(first["trial_id"], over_tables, strict=True)),
    }
    return table


def _name_rows(
    evaluated: pd.DataFrame,
    first: pd.DataFrame,
    grouping: Grouping,
    by: str,
    config: Sequence[str],
) -> tuple[pd.Series[str], pd.Series[str]]:
    """Return the label and the name over all tables of each row of `first`.

    They are told apart from all configurations of their sweep, also those that are not complete.
    """
    keys = configuration_index(first)
    rows = list_configurations(evaluated, pd.Series(grouping.table.to_numpy(), keys))
    common = protocol_columns(first)
    own = labels(rows, by, config, ["table"], common, list(rows[SWEEPS]))
    if grouping.differences and by != "trial_id":
        # What a table of comparable rows has in its title or its protocol.
        settings = ["scenario", "num_tasks", *common]
        own = name_settings(pd.Series(own, rows.index), rows, settings, config)
    over_tables = names_across_tables(rows, rows["table"], config, own)
    names = pd.DataFrame({"label": own, "over tables": over_tables})
    names = names.set_axis(configuration_index(rows))
    names = names.loc[keys].set_axis(first.index)
    return names["label"], names["over tables"]


def _insert_names(table: pd.DataFrame, row_labels: pd.Series[str], grouping: Grouping) -> None:
    table.insert(len(ROW), "table", grouping.table)
    table.insert(len(ROW), "label", row_labels)
    if grouping.differences:
        differences = grouping.table.map(grouping.differences).fillna("")
        table.insert(len(ROW) + 2, "not_comparable", differences)


def _sort_rows(table: pd.DataFrame, value: pd.Series[Any] | None) -> pd.DataFrame:
    order = table[["table"]] if value is None else table[["table"]].assign(value=value)
    # Stable: within a table, rows stay in the order of their sweeps.
    order = order.sort_values(list(order.columns), kind="stable")
    return table.loc[order.index].reset_index(drop=True)


def dial_columns(trials: pd.DataFrame) -> set[str]:
    """Return the columns of the dials of a sweep with means, which names leave out."""
    if "means_dial" not in trials or trials["means_dial"].isna().all():
        return set()
    dials = {name for text in trials["means_dial"].dropna().unique() for name in json.loads(text)}
    return {f"config.{name}" for name in dials if name.startswith("method.")} | {SCHEDULE}


def complete_evaluations(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the complete rows of the evaluation phase, with `compute_flops` and `seconds`."""
    kept = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
    return kept.assign(compute_flops=compute_flops(kept), seconds=compute_seconds(kept))


def _resolve_column(by: str, config: Sequence[str]) -> str:
    """Return the column for a name given in full or in short."""
    names = {"method": "method", "trial_id": "trial_id"}
    names |= {column: column for column in config}
    names |= {
        short: column for column, short in short_column_names(config).items() if short not in names
    }
    if by not in names:
        raise UnknownName("column to compare by", by, ("method", "trial_id", *config))
    return names[by]


def count_left_out(trials: pd.DataFrame) -> dict[str, int]:
    """Return the number of (trial, seed) that are not compared, by reason."""
    why = trials["status"].where(trials["phase"] == "evaluation", CANDIDATES)
    return {
        str(reason): int(n) for reason, n in why[why != "complete"].value_counts(sort=False).items()
    }
