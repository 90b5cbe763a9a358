"""Marks of the plane of two costs: points, and rings around those on the Pareto front."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.hover import hover_texts
from dashboards.charts.theme import GREY, HIGHLIGHT

SMALLEST, LARGEST, PER_UNIT = 11.0, 34.0, 110.0  # diameters in pixels; per unit of half-width
SMALL, DIM = 6.0, 0.6  # diameter and opacity of a point off the front of many
RING = 13.0  # diameter of a ring less that of its marker, in pixels


def legend_entry(method: str, symbol: str) -> go.Scatter:
    """Return the legend entry of a method, grey since colours show a metric."""
    marker = {"symbol": symbol, "color": GREY, "size": SMALLEST}
    return go.Scatter(name=method, mode="markers", x=[None], y=[None], marker=marker)


def draw_points(rows: pd.DataFrame, shown: tuple[str, str, str], symbol: str) -> go.Scatter:
    """Draw the points of a method: place, colour and size by the three quantities shown.

    Rows that are `small` are all of one size, and faint.
    """
    x, y, colour = shown
    spread = rows[f"{colour}_ci95"]
    hollow = spread.isna()
    return go.Scatter(
        mode="markers",
        x=rows[f"{x}_mean"],
        y=rows[f"{y}_mean"],
        showlegend=False,
        customdata=rows["trial_id"],
        hoverinfo="text",
        hovertext=hover_texts(rows, shown),
        marker={
            "color": rows[f"{colour}_mean"],
            "coloraxis": "coloraxis",
            "opacity": rows["small"].map({True: DIM, False: 1.0}),
            "symbol": hollow.map({True: f"{symbol}-open", False: symbol}),
            "size": _sizes(spread).mask(rows["small"], SMALL),
            "line": {
                "width": (spread.isna() & ~rows["small"]).map({True: 3, False: 1}),
                "color": GREY,
            },
        },
    )


def _sizes(spread: pd.Series[float]) -> pd.Series[float]:
    return (SMALLEST + PER_UNIT * spread.fillna(0)).clip(upper=LARGEST)


def front_rings(rows: pd.DataFrame, shown: tuple[str, str, str]) -> list[go.Scatter]:
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
