"""The plane of two costs, with a metric as colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.cost_axes import axis_layout, axis_value, color_axis
from dashboards.charts.panels import (
    add_traces,
    empty_figure,
    panel_position,
    panels,
    split_by_setting,
)
from dashboards.charts.plain import escape_column
from dashboards.charts.plane_marks import draw_points, front_rings, legend_entry
from dashboards.charts.theme import GREY, assign_symbols
from dashboards.charts.tradeoff_labels import is_few

CORNERS = ("finetune", "joint")


def cost_plane(
    table: pd.DataFrame, x: str = "storage_bytes", y: str = "compute_flops", colour: str = "acc"
) -> go.Figure:
    """Draw a point per configuration: x and y are costs (or metrics), colour a metric.

    The shape of a marker tells the method, its size the width of the 95% interval; it is hollow
    without an interval (one seed). joint and finetune have labels. Of many points with a `front`,
    those off it are small.

    Args:
        table: rows of `results.comparison.comparison`, or with the columns `label`, `method`,
            `trial_id`, `n`, and `<quantity>_mean`, `<quantity>_ci95` of x, y and colour. Columns of
            the setting give a panel for each setting. Rows whose boolean column `front` is true
            have a ring.
        x: quantity of the horizontal axis.
        y: quantity of the vertical axis.
        colour: quantity of the colours.

    Returns:
        A figure; the `customdata` of a point is its trial_id.
    """
    if table.empty:
        return empty_figure("No complete trial to compare.")
    settings = split_by_setting(table)
    figure = panels([title for title, _ in settings])
    symbols = assign_symbols(escape_column(table["method"]))
    for index, (_, rows) in enumerate(settings):
        where = panel_position(index)
        add_traces(figure, panel_marks(rows, (x, y, colour), symbols), where)
        for note in _corner_labels(rows, x, y):
            figure.add_annotation(**note, **where)
    figure.update_xaxes(axis_layout(table, x))
    figure.update_yaxes(axis_layout(table, y))
    return figure.update_layout(coloraxis=color_axis(table[f"{colour}_mean"], colour))


def panel_marks(
    rows: pd.DataFrame, shown: tuple[str, str, str], symbols: Mapping[object, str]
) -> Iterator[go.Scatter]:
    """Yield the rings of the front, and for each method its points and its entry in the legend."""
    yield from front_rings(rows, shown)
    off_front = ~rows["front"].astype(bool) if "front" in rows else pd.Series(False, rows.index)
    for method, part in rows.assign(small=off_front & (not is_few(rows))).groupby(
        "method", sort=False
    ):
        symbol = symbols[method]
        yield draw_points(part, shown, symbol).update(name=str(method))
        yield legend_entry(str(method), symbol)


def _corner_labels(rows: pd.DataFrame, x: str, y: str) -> list[dict[str, Any]]:
    """Return the labels of joint and finetune; positions on a log axis are exponents."""
    corners = rows[rows["method"].isin(CORNERS)].drop_duplicates("method")
    return [
        {
            "x": axis_value(row[f"{x}_mean"], x),
            "y": axis_value(row[f"{y}_mean"], y),
            "text": row["method"],
            "ax": 0,
            "ay": -32,
            "arrowcolor": GREY,
            "arrowwidth": 1,
            "standoff": 8,
        }
        for row in corners.to_dict("records")
        if isfinite(row[f"{x}_mean"]) and isfinite(row[f"{y}_mean"])
    ]
