"""The differences of the rows of a comparison, and their ranks over tables, as blocks.

They need the columns of `results.contrasts` and `results.ranking`.
"""

from __future__ import annotations

import pandas as pd

from orchestrator.results.units import (
    decimal_text,
    p_value_text,
    range_text,
)
from orchestrator.terminal.comparison.block import Block

DIFFERENCE_HEADERS = ("method", "ΔACC", "95% interval", "p", "p (Holm)", "n")
PAIRED_NOTE = "interval and p: paired t over the n common seeds, each row by itself"
HOLM_NOTE = "Holm: corrected for the number of rows"
CHOSEN_BEST_NOTE = (
    "Holm: corrected for all pairs of rows, since the row was chosen as the best of the same data; "
    "to correct for fewer tests, choose it beforehand: --against LABEL, in Python against=LABEL"
)


def differences_block(rows: pd.DataFrame, warning: str) -> Block:
    """Return the differences of the rows of one table from its reference row."""
    compared = rows[rows["label"] != rows["against"]]
    cells = [
        [
            row["label"],
            decimal_text(row["acc_diff"]),
            range_text(row["acc_diff_low"], row["acc_diff_high"]),
            p_value_text(row["acc_p"]),
            p_value_text(row["acc_p_holm"]),
            str(row["n_common"]),
        ]
        for row in compared.to_dict("records")
    ]
    first = rows.iloc[0]
    notes = (PAIRED_NOTE, CHOSEN_BEST_NOTE if first["against_best"] else HOLM_NOTE)
    title = f"ACC minus that of {first['against']}, paired by seed"
    return Block(title, DIFFERENCE_HEADERS, cells, notes, warning)


def ranks_block(table: pd.DataFrame) -> Block:
    """Return the mean ranks of the configurations that are in every table."""
    names = table["trial_id"].map(table.attrs["over_tables"])
    ranked = table[table["mean_rank"].notna()].sort_values("mean_rank", kind="stable")
    rows = [
        [
            str(name),
            decimal_text(part["mean_rank"].iloc[0], 2),
            ", ".join(f"{r:g}" for r in part["rank"]),
        ]
        for name, part in ranked.groupby(names[ranked.index], sort=False)
    ]
    left_out = names.nunique() - len(rows)
    notes = [
        "1 is the largest ACC; equal values share the mean of their ranks",
        *([f"{left_out} that are not in every table have no rank"] if left_out else []),
    ]
    title = f"Mean rank by ACC over {ranked['table'].nunique()} tables"
    return Block(title, ("method", "mean rank", "in each"), rows, notes)
