"""The figure of costs: storage by category, computation by phase."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dashboards.charts.costs import FLOPS_PARTS, STORAGE_PARTS, TRIAL_TITLE, TRIAL_UNIT
from dashboards.charts.theme import COLOURS
from dashboards.figures.canvas import create_axes, split_tables
from orchestrator.columns import COLUMNS
from orchestrator.results.units import si_text

CARRIED = COLUMNS["storage_bytes"]
WIDTH, BAR, AROUND = 4.6, 0.26, 1.5  # inches: a panel, a bar, the surroundings of the bars
HATCHES = ("", "////")
IN_A_LINE, PAD = 3, 17  # entries in a line of the legend; height of the line in points


def costs(table: pd.DataFrame) -> Figure:
    """Draw two panels for each table: bytes carried by category, FLOPs of a trial by phase.

    Args:
        table: rows of `dashboards.data.comparing.configurations`, at least one.
    """
    parts = split_tables(table)
    tallest = max(len(rows) for _, rows in parts)
    figure, grid = create_axes(2 * len(parts), 2, WIDTH, BAR * tallest + AROUND)
    for index, (title, rows) in enumerate(parts):
        left, right = grid[2 * index], grid[2 * index + 1]
        _stacked_bars(left, rows, STORAGE_PARTS, f"{CARRIED.words} ({CARRIED.unit})", CARRIED.unit)
        left.set_title(
            title, fontsize=10, loc="left", pad=PAD * ceil(_count_legend_entries(left) / IN_A_LINE)
        )
        _stacked_bars(right, rows, FLOPS_PARTS, TRIAL_TITLE, TRIAL_UNIT)
        right.set_yticklabels([])
    return figure


def _count_legend_entries(axes: Axes) -> int:
    return len(axes.get_legend_handles_labels()[0])


def _stacked_bars(
    axes: Axes, rows: pd.DataFrame, parts: Mapping[str, str], title: str, unit: str
) -> None:
    left = pd.Series(0.0, index=rows.index)
    for order, (column, words) in enumerate(parts.items()):
        if column in rows and (rows[column] > 0).any():
            values = rows[column].fillna(0)
            axes.barh(
                rows["label"],
                values,
                left=left,
                label=words,
                height=0.75,
                color=COLOURS[order % len(COLOURS)],
                hatch=HATCHES[order // len(COLOURS)],
            )
            left = left + rows[column].fillna(0)
    axes.invert_yaxis()
    axes.set_xlabel(title, fontsize=9)
    axes.xaxis.set_major_formatter(lambda value, _: si_text(value, unit))
    axes.tick_params(labelsize=8)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=IN_A_LINE, fontsize=8, frameon=False
    )
