"""The trade-off of configurations: a metric against each cost, in panels with one vertical axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from rich.cells import cell_len

from dashboards.charts.cost_axes import axis_layout
from dashboards.charts.hover import hover_texts
from dashboards.charts.panel_scale import half_widths
from dashboards.charts.panels import add_traces, empty_figure, panels, split_by_setting
from dashboards.charts.plain import escape_column
from dashboards.charts.quantities import find_quantity
from dashboards.charts.short_names import LONGEST, short_texts
from dashboards.charts.theme import GREY, assign_lines, assign_symbols, rgba_text
from dashboards.charts.tradeoff_labels import front_corners, is_few, marked_rows, point_labels
from orchestrator.results.pareto import front_mask

AXIS_COSTS = ("storage_bytes", "compute_flops")
HEIGHT = 346  # of a panel, with its part of the margins, in pixels
GAP, BETWEEN = 0.07, 110  # between panels: a share of the width, and pixels for titles of two lines
UNMARKED = 0.45  # opacity of a point without bars
FRONT = "Pareto front of the means"


def trade_off(
    table: pd.DataFrame, metric: str = "acc", costs: Sequence[str] = AXIS_COSTS
) -> go.Figure:
    """Draw a point per configuration, with its label: a metric against a cost, a panel per cost.

    Bars are 95% intervals. The colour and the shape of a marker tell the method; it is hollow if
    another row of the panel beats it in both quantities by intervals that do not overlap. The line
    is the Pareto front of the means: the best that is to be had up to each cost. Of more than FEW
    rows, those on the front and the best of each method have bars and labels, the best before the
    front where there is no room for all; the others are small and faint.

    Args:
        table: rows of `results.comparison.comparison`, or with the columns `label`, `method`,
            `trial_id`, `n`, and `<quantity>_mean`, `<quantity>_ci95` of the metric and the costs.
            Columns of the setting give a row of panels for each setting.
        metric: quantity of the vertical axes.
        costs: quantities of the horizontal axes.

    Returns:
        A figure; the `customdata` of a point is its trial_id.
    """
    if table.empty:
        return empty_figure("No complete trial to compare.")
    short = table["label"].astype(str).map(short_texts(table["label"], LONGEST))
    settings = split_by_setting(table.assign(short=short, cells=short.map(cell_len)))
    titles = [text for title, _ in settings for text in (title, *[""] * (len(costs) - 1))]
    figure = panels(titles, len(costs), HEIGHT, GAP, BETWEEN)
    methods = escape_column(table["method"])
    lines, symbols = assign_lines(methods), assign_symbols(methods)
    looks = {m: (lines[m]["color"], symbols[m]) for m in lines}
    unnamed = False
    for line, (_, rows) in enumerate(settings, start=1):
        limits = metric_range(rows, metric)
        for column, cost in enumerate(costs, start=1):
            where = {"row": line, "col": column}
            axis = axis_layout(rows, cost, narrow=True)
            figure.update_xaxes(axis, **where)
            marked = marked_rows(rows, (cost, metric))
            add_traces(figure, panel_traces(rows, marked, (cost, metric), looks), where)
            notes = point_labels(rows, marked, (cost, metric), (axis.get("range"), limits))
            unnamed |= len(notes) < len(rows)
            for note in notes:
                figure.add_annotation(**note, **where)
            figure.update_yaxes(range=limits, showticklabels=column == 1, **where)
        figure.update_yaxes(title=find_quantity(metric).title, row=line, col=1)
    return figure.update_layout(showlegend=unnamed, legend_itemsizing="constant")


def metric_range(rows: pd.DataFrame, metric: str) -> list[float]:
    """Return the range of the values and their intervals, with room at both ends."""
    mean, spread = rows[f"{metric}_mean"], half_widths(rows, metric)
    low, high = (mean - spread).min(), (mean + spread).max()
    if not low <= high:
        return [0.0, 1.0]
    # One value, or equal ones, have no range to take a share of.
    room = 0.08 * (high - low) or 0.05
    return [low - room, high + room]


def panel_traces(
    rows: pd.DataFrame,
    marked: pd.DataFrame,
    shown: tuple[str, str],
    looks: dict[Any, tuple[str, str]],
) -> Iterator[go.Scatter]:
    """Yield the front of a panel, and the points of each method."""
    front = front_mask(rows, shown)
    yield from front_line(rows, shown)
    flagged = rows.assign(marked=is_few(rows) | rows.index.isin(marked.index))
    for method, part in flagged.groupby("method", sort=False):
        # The legend shows the first point, which must not be a faint one.
        part = part.sort_values("marked", ascending=False, kind="stable")
        yield draw_points(part, shown, looks[method], front[part.index]).update(name=str(method))


def draw_points(
    rows: pd.DataFrame, shown: tuple[str, str], look: tuple[str, str], front: pd.Series[bool]
) -> go.Scatter:
    """Draw the points of a method; points off the front are hollow.

    Rows that are `marked` have intervals and larger markers.
    """
    (cost, metric), (colour, symbol) = shown, look
    bars = {"type": "data", "color": rgba_text(colour, 0.6), "thickness": 1.2, "width": 3}
    return go.Scatter(
        mode="markers",
        x=rows[f"{cost}_mean"],
        y=rows[f"{metric}_mean"],
        error_x=bars | {"array": bar_lengths(rows, cost)},
        error_y=bars | {"array": bar_lengths(rows, metric)},
        customdata=rows["trial_id"],
        hoverinfo="text",
        hovertext=hover_texts(
            rows, (metric, *AXIS_COSTS) if cost in AXIS_COSTS else (metric, cost)
        ),
        marker={
            # Not by `opacity`, of which the legend shows the mean.
            "color": rows["marked"].map({True: colour, False: rgba_text(colour, UNMARKED)}),
            "symbol": front.map({True: symbol, False: f"{symbol}-open"}),
            "size": rows["marked"].map({True: 10, False: 6}),
            "line": {
                "width": rows["marked"].map({True: 2, False: 1}),
                "color": rows["marked"].map({True: colour, False: rgba_text(colour, UNMARKED)}),
            },
        },
    )


def bar_lengths(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    """Return half the width of the interval of each marked row; NaN, and no caps, where it is 0."""
    return half_widths(rows, name).where(rows["marked"]).replace(0.0, np.nan)


def front_line(rows: pd.DataFrame, shown: tuple[str, str]) -> Iterator[go.Scatter]:
    """Yield the steps through the Pareto front of the means, up to the highest cost."""
    ends = front_corners(rows, shown)
    if len(ends):
        yield go.Scatter(
            name=FRONT,
            mode="lines",
            x=ends[:, 0],
            y=ends[:, 1],
            hoverinfo="skip",
            line={"shape": "hv", "width": 1.5, "color": GREY},
        )
