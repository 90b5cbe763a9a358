"""The hover text of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import pandas as pd

from dashboards.charts.quantities import find_quantity, short_label
from orchestrator.results.units import interval_text


def hover_texts(rows: pd.DataFrame, shown: Sequence[str]) -> list[str]:
    """Return the hover text of each row: its label, quantities with intervals, and seeds."""
    names = list(dict.fromkeys(shown))
    # A table has a hundred columns, and to_dict takes its time for each.
    read = ["label", "n", *(f"{name}_{part}" for name in names for part in ("mean", "ci95"))]
    return [
        "<br>".join([f"<b>{row['label']}</b>", *(_hover_line(row, name) for name in names)])
        + f"<br>{row['n']} seed{'s' if row['n'] != 1 else ''}"
        for row in rows[rows.columns.intersection(read)].to_dict("records")
    ]


def _hover_line(row: dict[Any, Any], name: str) -> str:
    quantity, mean, spread = (
        find_quantity(name),
        row[f"{name}_mean"],
        row.get(f"{name}_ci95", float("nan")),
    )
    if not quantity.cost:
        return f"{short_label(name)}: {interval_text(mean, spread)}"
    either_side = f" ± {quantity.value_text(spread)}" if isfinite(spread) and spread else ""
    return f"{quantity.words}: {quantity.value_text(mean)}{either_side}"
