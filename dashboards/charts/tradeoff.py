"""The trade-off of configurations: two costs against each other, with a metric as colour."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import (
    add_traces,
    empty_figure,
    panel_position,
    panels,
    split_by_setting,
)
from dashboards.charts.quantities import find_quantity, interval_text, short_label
from dashboards.charts.theme import GREY, HIGHLIGHT, SCALE, assign_symbols

SMALLEST, LARGEST, PER_UNIT = 11.0, 34.0, 110.0  # diameters in pixels; per unit of half-width
RING = 13.0  # diameter of a ring less that of its marker, in pixels
CORNERS = ("finetune", "joint")


def trade_off(
    table: pd.DataFrame, x: str = "storage_bytes", y: str = "compute_flops", colour: str = "acc"
) -> go.Figure:
    """Draw a point per configuration: x and y are costs (or metrics), colour a metric.

    The shape of a marker tells the method, its size the width of the 95% interval; it is hollow
    without an interval (one seed). joint and finetune have labels.

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
    symbols = assign_symbols(table["method"])
    for index, (_, rows) in enumerate(settings):
        where = panel_position(index)
        add_traces(figure, _front_rings(rows, (x, y, colour)), where)
        for method, part in rows.groupby("method", sort=False):
            symbol = symbols[method]
            points = _points(part, (x, y, colour), symbol)
            add_traces(
                figure, [points.update(name=str(method)), _legend_entry(str(method), symbol)], where
            )
        for note in _corner_labels(rows, x, y):
            figure.add_annotation(**note, **where)
    figure.update_xaxes(_axis_layout(table, x))
    figure.update_yaxes(_axis_layout(table, y))
    return figure.update_layout(coloraxis=_coloraxis(table[f"{colour}_mean"], colour))


def _legend_entry(method: str, symbol: str) -> go.Scatter:
    """Return the legend entry of a method, grey since colours show a metric."""
    marker = {"symbol": symbol, "color": GREY, "size": SMALLEST}
    return go.Scatter(name=method, mode="markers", x=[None], y=[None], marker=marker)


def _points(rows: pd.DataFrame, shown: tuple[str, str, str], symbol: str) -> go.Scatter:
    x, y, colour = shown
    spread = rows[f"{colour}_ci95"]
    hollow = spread.isna().map({True: f"{symbol}-open", False: symbol})
    return go.Scatter(
        mode="markers",
        x=rows[f"{x}_mean"],
        y=rows[f"{y}_mean"],
        showlegend=False,
        customdata=rows["trial_id"],
        hoverinfo="text",
        hovertext=_hover_texts(rows, shown),
        marker={
            "color": rows[f"{colour}_mean"],
            "coloraxis": "coloraxis",
            "opacity": 1,
            "symbol": hollow,
            "size": _sizes(spread),
            "line": {"width": spread.isna().map({True: 3, False: 1}), "color": GREY},
        },
    )


def _hover_texts(rows: pd.DataFrame, shown: tuple[str, str, str]) -> list[str]:
    """Return the hover text of each row: its label, quantities with intervals, and seeds."""
    return [
        "<br>".join(
            [f"<b>{row['label']}</b>", *(_hover_line(row, name) for name in dict.fromkeys(shown))]
        )
        + f"<br>{row['n']} seed{'s' if row['n'] != 1 else ''}"
        for row in rows.to_dict("records")
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


def _sizes(spread: pd.Series[float]) -> pd.Series[float]:
    return (SMALLEST + PER_UNIT * spread.fillna(0)).clip(upper=LARGEST)


def _front_rings(rows: pd.DataFrame, shown: tuple[str, str, str]) -> list[go.Scatter]:
    """Return the rings around the points on the Pareto front.

    No line joins them, since a front in two costs and a metric is no line in the plane of costs.
    """
    if "front" not in rows or not rows["front"].any():
        return []
    x, y, colour = shown
    best = rows[rows["front"].astype(bool)]
    rings = go.Scatter(
        name="on the Pareto front",
        mode="markers",
        x=best[f"{x}_mean"],
        y=best[f"{y}_mean"],
        customdata=best["trial_id"],
        hoverinfo="skip",
        marker={
            "symbol": "circle-open",
            "size": _sizes(best[f"{colour}_ci95"]) + RING,
            "opacity": 1,
            "color": HIGHLIGHT,
            "line": {"width": 2, "color": HIGHLIGHT},
        },
    )
    return [rings]


def _corner_labels(rows: pd.DataFrame, x: str, y: str) -> list[dict[str, Any]]:
    """Return the labels of joint and finetune; positions on a log axis are exponents."""
    corners = rows[rows["method"].isin(CORNERS)].drop_duplicates("method")
    return [
        {
            "x": _axis_value(row[f"{x}_mean"], x),
            "y": _axis_value(row[f"{y}_mean"], y),
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


def _axis_layout(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the layout of an axis; a logarithmic one has room for markers and labels."""
    values = table[f"{name}_mean"].dropna()
    if not find_quantity(name).cost or values.empty or values.min() <= 0:
        return find_quantity(name).axis()
    low, high = log10(values.min()), log10(values.max())
    room = 0.14 * (high - low) + 0.05
    return find_quantity(name).axis() | ticks(name, low - room, high + room)


def ticks(name: str, low: float, high: float) -> dict[str, Any]:
    """Return round ticks with units between two exponents, more of them on a short axis."""
    decades = high - low
    steps = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 5) if decades < 2.5 else (1,)
    values = [m * 10.0**e for e in range(floor(low), ceil(high) + 1) for m in steps]
    shown = [value for value in values if low <= log10(value) <= high]
    texts = [find_quantity(name).value_text(value) for value in shown]
    return {"range": [low, high], "tickangle": 0, "tickvals": shown, "ticktext": texts}


def _axis_value(value: float, name: str) -> float:
    return log10(value) if find_quantity(name).cost and value > 0 else value


def _coloraxis(values: pd.Series[float], colour: str) -> dict[str, Any]:
    """Return the colour axis; that of a metric ends at tenths around the values."""
    numbers = values.dropna()
    bounds = {}
    if len(numbers) and not find_quantity(colour).cost:
        low, high = floor(numbers.min() * 10), ceil(numbers.max() * 10)
        bounds = {"cmin": low / 10, "cmax": max(high, low + 1) / 10}
    title = {"text": find_quantity(colour).title, "side": "right"}
    return {"colorscale": SCALE, "colorbar": {"title": title}, **bounds}
