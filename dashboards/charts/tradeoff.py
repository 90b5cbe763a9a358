"""What each configuration buys and costs: two costs against one another, a metric as colour."""

from __future__ import annotations

from math import ceil, floor, isfinite, log10
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import add, empty, panels, per_setting, place
from dashboards.charts.quantities import interval, quantity, short
from dashboards.charts.theme import GREY, HIGHLIGHT, SCALE, symbols_of

SMALLEST, LARGEST, PER_UNIT = 11.0, 34.0, 110.0  # diameters in pixels; per unit of half-width
RING = 13.0  # how much larger a ring is than its marker, in pixels
CORNERS = ("finetune", "joint")


def trade_off(
    table: pd.DataFrame, x: str = "storage_bytes", y: str = "compute_flops", colour: str = "acc"
) -> go.Figure:
    """Draw a point per configuration: x and y are costs (or metrics), colour a metric.

    A marker's shape is its method. It is as large as its 95% interval is wide, and hollow where
    there is none (one seed). joint and finetune, the two corners, are named.

    Args:
        table: rows of `results.comparison.comparison`, or with columns like them: `label`,
            `method`, `trial_id`, `n`, and `<quantity>_mean`, `<quantity>_ci95` of x, y and colour.
            With the setting's columns there is a panel for each setting. With a boolean column
            `front` those on the Pareto front are ringed, behind all points.
        x: quantity of the horizontal axis.
        y: quantity of the vertical axis.
        colour: quantity that colours.

    Returns:
        A figure; the `customdata` of a point is its trial_id.
    """
    if table.empty:
        return empty("No complete trial to compare.")
    settings = per_setting(table)
    figure = panels([title for title, _ in settings])
    symbols = symbols_of(table["method"])
    for index, (_, rows) in enumerate(settings):
        where = place(index)
        add(figure, _front(rows, (x, y, colour)), where)
        for method, part in rows.groupby("method", sort=False):
            symbol = symbols[method]
            points = _points(part, (x, y, colour), symbol)
            add(figure, [points.update(name=str(method)), _key(str(method), symbol)], where)
        for note in _corners(rows, x, y):
            figure.add_annotation(**note, **where)
    figure.update_xaxes(_scaled(table, x))
    figure.update_yaxes(_scaled(table, y))
    return figure.update_layout(coloraxis=_coloraxis(table[f"{colour}_mean"], colour))


def _key(method: str, symbol: str) -> go.Scatter:
    """Return what stands for a method in the legend, where a point's own colour says nothing."""
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
        hovertext=_hover(rows, shown),
        marker={
            "color": rows[f"{colour}_mean"],
            "coloraxis": "coloraxis",
            "opacity": 1,
            "symbol": hollow,
            "size": _sizes(spread),
            "line": {"width": spread.isna().map({True: 3, False: 1}), "color": GREY},
        },
    )


def _hover(rows: pd.DataFrame, shown: tuple[str, str, str]) -> list[str]:
    """Return the configuration and what is shown of it, with intervals, a line each."""
    return [
        "<br>".join(
            [f"<b>{row['label']}</b>", *(_hover_line(row, name) for name in dict.fromkeys(shown))]
        )
        + f"<br>{row['n']} seed{'s' if row['n'] != 1 else ''}"
        for row in rows.to_dict("records")
    ]


def _hover_line(row: dict[Any, Any], name: str) -> str:
    known, mean, spread = quantity(name), row[f"{name}_mean"], row.get(f"{name}_ci95", float("nan"))
    if not known.cost:
        return f"{short(name)}: {interval(mean, spread)}"
    either_side = f" ± {known.say(spread)}" if isfinite(spread) and spread else ""
    return f"{known.words}: {known.say(mean)}{either_side}"


def _sizes(spread: pd.Series[float]) -> pd.Series[float]:
    return (SMALLEST + PER_UNIT * spread.fillna(0)).clip(upper=LARGEST)


def _front(rows: pd.DataFrame, shown: tuple[str, str, str]) -> list[go.Scatter]:
    """Return the rings around the Pareto front, if it is known.

    They are not joined: a front in two costs and a metric is no line on the plane of the costs.
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


def _corners(rows: pd.DataFrame, x: str, y: str) -> list[dict[str, Any]]:
    """Return the names of the two corners, where they stand (a log axis wants exponents)."""
    corners = rows[rows["method"].isin(CORNERS)].drop_duplicates("method")
    return [
        {
            "x": _at(row[f"{x}_mean"], x),
            "y": _at(row[f"{y}_mean"], y),
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


def _scaled(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return an axis; a logarithmic one with room for markers and names."""
    values = table[f"{name}_mean"].dropna()
    if not quantity(name).cost or values.empty or values.min() <= 0:
        return quantity(name).axis()
    low, high = log10(values.min()), log10(values.max())
    room = 0.14 * (high - low) + 0.05
    return quantity(name).axis() | ticks(name, low - room, high + room)


def ticks(name: str, low: float, high: float) -> dict[str, Any]:
    """Return round ticks between two exponents, with units, more of them where it is short."""
    decades = high - low
    steps = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 5) if decades < 2.5 else (1,)
    values = [m * 10.0**e for e in range(floor(low), ceil(high) + 1) for m in steps]
    shown = [value for value in values if low <= log10(value) <= high]
    texts = [quantity(name).say(value) for value in shown]
    return {"range": [low, high], "tickangle": 0, "tickvals": shown, "ticktext": texts}


def _at(value: float, name: str) -> float:
    return log10(value) if quantity(name).cost and value > 0 else value


def _coloraxis(values: pd.Series[float], colour: str) -> dict[str, Any]:
    """Return the colour axis, from one tenth to another (a metric) around the values."""
    known = values.dropna()
    bounds = {}
    if len(known) and not quantity(colour).cost:
        low, high = floor(known.min() * 10), ceil(known.max() * 10)
        bounds = {"cmin": low / 10, "cmax": max(high, low + 1) / 10}
    title = {"text": quantity(colour).title, "side": "right"}
    return {"colorscale": SCALE, "colorbar": {"title": title}, **bounds}
