"""Stacked bars: storage by category, computation by phase, stages computed and shared."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.cost_axes import linear_ticks
from dashboards.charts.panels import (
    add_traces,
    empty_figure,
    panel_position,
    panels,
    split_by_setting,
)
from dashboards.charts.short_names import short_ticks
from dashboards.charts.theme import COLOURS, GREY, PATTERNS
from orchestrator import columns
from orchestrator.columns import COLUMNS
from orchestrator.results.units import si_text

BAR = 30  # pixels
# Column of the comparison -> name of the part of a bar.
PART_COLUMNS = (*columns.STORAGE[1:], columns.LATE_STORAGE[0])
STORAGE_PARTS = {f"{name}_mean": COLUMNS[name].label for name in PART_COLUMNS}
FLOPS_PARTS = {f"{name}_mean": COLUMNS[name].words for name in columns.FLOPS}
TRIAL_UNIT = COLUMNS["train_flops"].unit
TRIAL_TITLE = f"computation of a trial, one seed ({TRIAL_UNIT})"
STAGE_PARTS = {
    "computed": "computed",
    "repeated": "shared within the sweep",
    "stored": "already in the store",
    "lacking": "no result: failed, diverged or not over",
}


def storage(table: pd.DataFrame) -> go.Figure:
    """Draw the bytes carried between tasks, after the last task, by category.

    Args:
        table: a row per configuration: `label` and `storage_<category>_bytes_mean`; columns of the
            setting give a panel for each. Categories that are 0 in all rows are left out.
    """
    carried = COLUMNS["storage_bytes"]
    title = f"{carried.words} ({carried.unit}, 1 kB = 1000 B)"
    return _stacked_bars(table, STORAGE_PARTS, title, carried.unit)


def computation(table: pd.DataFrame) -> go.Figure:
    """Draw the FLOPs of a whole trial on one seed, by phase.

    Args:
        table: a row per configuration: `label` and `train_flops_mean`, `consolidate_flops_mean`,
            `eval_flops_mean`; columns of the setting give a panel for each.
    """
    return _stacked_bars(table, FLOPS_PARTS, TRIAL_TITLE, TRIAL_UNIT)


def sharing(counts: pd.DataFrame) -> go.Figure:
    """Draw how many of the stages that a sweep asked to train were computed, and where others are.

    Args:
        counts: `sweep`, `to_train`, `stages`, `distinct` and `computed`, as from `count_shared`.
            The row on all sweeps, whose name is empty, is left out.
    """
    rows = counts[counts["sweep"].astype(str) != ""]
    if rows.empty:
        return empty_figure("No stage has been computed.")
    table = rows.assign(
        label=rows["sweep"].astype(str),
        repeated=rows["stages"] - rows["distinct"],
        stored=rows["distinct"] - rows["computed"],
        lacking=rows["to_train"] - rows["stages"],
    )
    table = table[["label", *STAGE_PARTS]]  # without the sweep, which is no setting here
    return _stacked_bars(table, STAGE_PARTS, "stages to train that were asked for (count)", "")


def _stacked_bars(
    table: pd.DataFrame, parts: Mapping[str, str], title: str, unit: str
) -> go.Figure:
    """Return horizontal bars, one per label, of the parts that are above 0 in any row."""
    used = {c: words for c, words in parts.items() if c in table and (table[c] > 0).any()}
    if table.empty or not used:
        return empty_figure("Nothing was counted.")
    settings = split_by_setting(table)
    tallest = max(len(rows) for _, rows in settings)
    figure = panels([setting for setting, _ in settings], 1, BAR * tallest + 10)
    for index, (_, rows) in enumerate(settings):
        bars = [_bars(rows, c, words, parts, unit) for c, words in used.items()]
        add_traces(figure, bars, panel_position(index, 1))
        longest = float(rows[list(used)].sum(axis="columns").max())
        figure.update_xaxes(linear_ticks(longest, unit), **panel_position(index, 1))
    figure.update_xaxes(title=title)
    figure.update_yaxes(autorange="reversed", **short_ticks(table["label"]))
    return figure.update_layout(barmode="stack", showlegend=True)


def _bars(
    rows: pd.DataFrame, column: str, words: str, parts: Mapping[str, str], unit: str
) -> go.Bar:
    order = list(parts).index(column)
    return go.Bar(
        name=words,
        orientation="h",
        x=rows[column],
        y=rows["label"],
        marker={
            "color": COLOURS[order % len(COLOURS)],
            "line": {"width": 0},
            "pattern": {"shape": PATTERNS[order // len(COLOURS)], "fgcolor": GREY},
        },
        hoverinfo="text",
        hovertext=[
            f"<b>{label}</b><br>{words}: {si_text(value, unit)}"
            for label, value in zip(rows["label"], rows[column], strict=True)
        ],
    )
