"""A comparison as blocks of text cells, which all formats share.

Each table gives a block of its configurations and a block of their differences; the last block has
the mean ranks over tables. Differences and ranks need the columns of `results.contrasts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from orchestrator.columns import COLUMNS, SHOWN_METRICS, explain_undefined_fwt
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import setting_title
from orchestrator.terminal.units import (
    UNDEFINED,
    bytes_text,
    interval_text,
    p_value_text,
    range_text,
    three_decimals,
    three_digits,
)

LABELS = tuple(COLUMNS[name].label for name in SHOWN_METRICS)
HEADERS = ("method", *LABELS, "storage", "compute (GFLOP)", "n")
DIFFERENCE_HEADERS = ("method", "ΔACC", "95% interval", "p", "p (Holm)", "n")
INTERVAL_NOTE = "interval and p: paired t over the n common seeds, each row by itself"
HOLM_NOTE = "Holm: corrected for the number of rows"
BEST_NOTE = (
    "Holm: corrected for all pairs of rows, since the row was chosen as the best of the same data; "
    "to correct for fewer tests, choose it beforehand: --against LABEL"
)
ON_FRONT = "*"


@dataclass(frozen=True)
class Block:
    """A table of text.

    Attributes:
        title: printed above the table.
        headers: of the columns; the first column is left-aligned, the others right-aligned.
        rows: cells in the order of `headers`.
        notes: printed below the table.
        warning: printed in every format; empty for none.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    warning: str = ""


def build_blocks(table: pd.DataFrame) -> Iterator[Block]:
    """Yield the blocks of a comparison."""
    for _, rows in table.groupby("table", sort=False):
        warning = str(rows["not_comparable"].iloc[0]) if "not_comparable" in rows else ""
        warning = f"NOT COMPARABLE: {warning}" if warning else ""
        yield Block(table_title(rows), HEADERS, list(_cells(rows)), _fwt_note(rows), warning)
        if "against" in rows and len(rows) > 1 and isinstance(rows["against"].iloc[0], str):
            yield _differences_block(rows, warning)
    if "mean_rank" in table and table["mean_rank"].notna().any():
        yield _ranks_block(table)


def closing_notes(table: pd.DataFrame) -> list[str]:
    """Return the notes on all tables of a comparison."""
    notes = []
    if (table["n"] > 1).any():
        notes.append("± is the 95% Student-t interval of the mean over n seeds")
    if metrics := table.attrs.get("front"):
        notes.append(
            f"{ON_FRONT} is on the Pareto front of {', '.join(metrics)}: no row beats it in all of "
            "them with intervals that do not overlap"
        )
    for label, chosen in table.attrs.get("chosen", {}).items():
        notes.append(f"chosen by the search: {label}: {chosen}")
    if apart := table.attrs.get("apart"):
        notes.append(f"in separate tables, since not comparable: {'; '.join(apart)}")
    if varied := table.attrs.get("varied"):
        notes.append(f"varied by a sweep, so different within a table: {'; '.join(varied)}")
    notes += table.attrs.get("pooled", [])
    if left_out := table.attrs.get("left_out"):
        counts = ", ".join(f"{n} {why}" for why, n in left_out.items())
        notes.append(f"left out, by (trial, seed): {counts}")
    return notes if len(table) else ["no complete trial of the evaluation phase", *notes]


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


def _cells(rows: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the cells of each row, in the order of HEADERS."""
    for row in rows.to_dict("records"):
        metrics = [
            interval_text(row[f"{name}_mean"], row[f"{name}_ci95"]) for name in SHOWN_METRICS
        ]
        label = f"{row['label']}{ON_FRONT if row.get('front') else ''}"
        compute = three_digits(row["compute_flops_mean"] / 1e9)
        yield [label, *metrics, bytes_text(row["storage_bytes_mean"]), compute, str(row["n"])]


def _fwt_note(rows: pd.DataFrame) -> list[str]:
    undefined = rows[rows["fwt_mean"].isna()]
    if undefined.empty:
        return []
    scenario, num_tasks = undefined.iloc[0][["scenario", "num_tasks"]]
    reasons = (
        explain_undefined_fwt(scenario, num_tasks, scores_unseen) for scores_unseen in (True, False)
    )
    return [f"FWT is undefined ({UNDEFINED}): {next(reason for reason in reasons if reason)}"]


def _differences_block(rows: pd.DataFrame, warning: str) -> Block:
    compared = rows[rows["label"] != rows["against"]]
    cells = [
        [
            row["label"],
            three_decimals(row["acc_diff"]),
            range_text(row["acc_diff_low"], row["acc_diff_high"]),
            p_value_text(row["acc_p"]),
            p_value_text(row["acc_p_holm"]),
            str(row["n_common"]),
        ]
        for row in compared.to_dict("records")
    ]
    first = rows.iloc[0]
    notes = (INTERVAL_NOTE, BEST_NOTE if first["against_best"] else HOLM_NOTE)
    title = f"ACC less that of {first['against']}, paired by seed"
    return Block(title, DIFFERENCE_HEADERS, cells, notes, warning)


def _ranks_block(table: pd.DataFrame) -> Block:
    names = table["trial_id"].map(table.attrs["over_tables"])
    ranked = table[table["mean_rank"].notna()].sort_values("mean_rank", kind="stable")
    rows = [
        [str(name), f"{part['mean_rank'].iloc[0]:.2f}", ", ".join(f"{r:g}" for r in part["rank"])]
        for name, part in ranked.groupby(names[ranked.index], sort=False)
    ]
    left_out = names.nunique() - len(rows)
    notes = [
        "1 is the largest ACC; equal values share the mean of their ranks",
        *([f"{left_out} that are not in every table have no rank"] if left_out else []),
    ]
    title = f"Mean rank by ACC over {ranked['table'].nunique()} tables"
    return Block(title, ("method", "mean rank", "in each"), rows, notes)
