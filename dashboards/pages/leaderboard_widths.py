"""Widths of the columns of the leaderboard, which leave room for the names on 800 pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from dashboards.charts.quantities import short_label
from dashboards.pages.tables import CELL_LETTER, PADDING, TABLE_WIDTH, row_height, text_width
from orchestrator.columns import SHOWN_METRICS

# Widths in pixels: of `0.425 ± 0.272` in one line and in two, of the number of seeds and of the
# least column, of costs, and of a letter of a title.
INTERVAL, STACKED, SMALLEST = 102, 64, 40
COSTS = {"storage_bytes": 72, "compute_flops": 88}
LETTER = 6
NAME_COLUMN = "configuration"  # title of the column of names
MOST_LINES = 3  # of a name: all rows are as high as that of the longest, and few would be seen


@dataclass(frozen=True)
class LeaderboardWidths:
    """Widths of columns, in pixels, and the height of rows.

    Attributes:
        name: of the column of names, which has what the others leave.
        metrics: column of a metric -> its width.
        row: the height of a row.
    """

    name: int
    metrics: Mapping[str, int]
    row: int

    @property
    def letters(self) -> int:
        """Letters of a name for which a row of MOST_LINES has room."""
        return MOST_LINES * int((self.name - PADDING) / CELL_LETTER)


def leaderboard_widths(rows: pd.DataFrame) -> LeaderboardWidths:
    """Return the widths for rows of the comparison.

    Names have up to MOST_LINES lines, and their title has one. Cells of metrics have two if some
    name, or the title of the names, would not fit into one line beside them.
    """
    need = text_width(max(rows["label"], key=len, default=""))
    need = max(need, LETTER * len(NAME_COLUMN) + PADDING)
    metrics = metric_widths(rows, INTERVAL)
    if need <= (name := width_left(metrics)):
        return LeaderboardWidths(name, metrics, row_height(1))
    metrics = metric_widths(rows, STACKED)
    name = width_left(metrics)
    # Lines are broken between words, so that some space at their ends stays empty.
    return LeaderboardWidths(name, metrics, row_height(min(MOST_LINES, 1 + need / name)))


def metric_widths(rows: pd.DataFrame, most: int) -> dict[str, int]:
    """Return the width of the column of each metric: of its title if it is never defined."""
    titles = {
        name: max(SMALLEST, LETTER * len(short_label(name)) + PADDING) for name in SHOWN_METRICS
    }
    return {
        name: max(title, most) if rows[f"{name}_mean"].notna().any() else title
        for name, title in titles.items()
    }


def width_left(metrics: Mapping[str, int]) -> int:
    """Return the width that columns of metrics of these widths leave for the names."""
    return TABLE_WIDTH - sum(metrics.values()) - sum(COSTS.values()) - SMALLEST
