"""A comparison as blocks of text cells, which all formats share.

Each table gives a block of its configurations and a block of their differences; the last block has
the mean ranks over tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.columns import COLUMNS, SHOWN_METRICS, Column, explain_undefined_fwt
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import setting_title
from orchestrator.results.units import (
    UNDEFINED,
    column_text,
    fit_prefix,
    interval_text,
    three_digits,
)
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.comparison.contrast_blocks import differences_block, ranks_block
from orchestrator.terminal.comparison.notes import ON_FRONT

Row = Mapping[Any, Any]

SHOWN = (*SHOWN_METRICS, "storage_bytes", "compute_flops")
# Printed with the prefix that fits each value, so that the header has no unit.
BYTES = COLUMNS["storage_bytes"].unit


def build_blocks(table: pd.DataFrame) -> Iterator[Block]:
    """Yield the blocks of a comparison; its tables have the same units."""
    if table.empty:
        return
    columns = fit_columns(table, table.attrs.get("columns", SHOWN))
    for _, rows in table.groupby("table", sort=False):
        warning = str(rows["not_comparable"].iloc[0]) if "not_comparable" in rows else ""
        warning = f"NOT COMPARABLE: {warning}" if warning else ""
        yield _values_block(rows, columns, warning)
        # A table that lacks the reference has nulls there.
        if "against" in rows and len(rows) > 1 and isinstance(rows["against"].iloc[0], str):
            yield differences_block(rows, warning)
    if "mean_rank" in table and table["mean_rank"].notna().any():
        yield ranks_block(table)


def table_title(rows: pd.DataFrame) -> str:
    """Return the title of a table: its setting and the sweeps of its rows."""
    sweeps = list_sweeps(rows)
    sweeps_text = f"({'sweep' if len(sweeps) == 1 else 'sweeps'} {', '.join(sweeps)})"
    if len(rows[TABLE].drop_duplicates()) > 1:
        return f"{rows['benchmark'].iloc[0]} {sweeps_text}"
    return f"{setting_title(*rows[TABLE].iloc[0])} {sweeps_text}"


def list_sweeps(rows: pd.DataFrame) -> list[str]:
    """Return the sweeps of the rows of a comparison, in order of appearance."""
    texts = rows["sweeps"] if "sweeps" in rows else rows["sweep"]
    return list(dict.fromkeys(sweep for text in texts for sweep in text.split(", ")))


def fit_columns(table: pd.DataFrame, names: Sequence[str]) -> list[Column]:
    """Return columns of a comparison with the prefixes of units that fit their values."""
    return [fit_prefix(COLUMNS[name], table[f"{name}_mean"]) for name in names]


def header(column: Column) -> str:
    """Return the header of a column, with the unit of its values."""
    return column.label if column.unit == BYTES else column.title(column.header or column.label)


def _values_block(rows: pd.DataFrame, columns: Sequence[Column], warning: str) -> Block:
    records = rows.to_dict("records")
    best = [frozenset(header(c) for c in columns if row.get(f"{c.name}_best")) for row in records]
    return Block(
        title=table_title(rows),
        headers=("method", *map(header, columns), "n"),
        rows=[_cells(row, columns) for row in records],
        notes=_fwt_note(rows) if COLUMNS["fwt"] in columns else (),
        warning=warning,
        best=best,
    )


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    label = f"{row['label']}{ON_FRONT if row.get('front') else ''}"
    return [label, *(value_cell(row, column) for column in columns), str(row["n"])]


def value_cell(row: Row, column: Column) -> str:
    """Return the cell of a value: a metric with its interval, a cost in the unit of its header."""
    mean = row[f"{column.name}_mean"]
    if column.unit == BYTES:
        return column_text(column.name, mean)
    if column.unit:
        return three_digits(mean / column.scale)
    return interval_text(mean, row[f"{column.name}_ci95"])


def _fwt_note(rows: pd.DataFrame) -> list[str]:
    undefined = rows[rows["fwt_mean"].isna()]
    if undefined.empty:
        return []
    scenario, num_tasks = undefined.iloc[0][["scenario", "num_tasks"]]
    reasons = (
        explain_undefined_fwt(scenario, num_tasks, scores_unseen) for scores_unseen in (True, False)
    )
    return [f"FWT is undefined ({UNDEFINED}): {next(reason for reason in reasons if reason)}"]
