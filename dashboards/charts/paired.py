"""Differences on common seeds: a forest plot."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import empty_figure
from dashboards.charts.plain import escape_texts
from dashboards.charts.quantities import short_label
from dashboards.charts.short_names import LONGEST_TICK, short_ticks, shorten
from dashboards.charts.theme import COLOURS, GREY, template
from orchestrator.results.units import decimal_text
from orchestrator.terminal.escaping import escape_plotly

ROW, EDGES = 30, 90  # in pixels


def differences(table: pd.DataFrame, metric: str = "acc") -> go.Figure:
    """Draw each configuration's difference from a reference, paired by seed, with its interval.

    The marker is filled if the interval excludes 0, else hollow.

    Args:
        table: a row per configuration: `label`, `against` (the reference's label), `difference`
            (mean over the common seeds), `low` and `high` (ends of its 95% interval; NaN if there
            is none) and `n` (common seeds).
        metric: the metric that is compared.
    """
    if table.empty:
        return empty_figure("No two configurations have a seed in common.")
    rows = table.sort_values("difference", ascending=False)
    figure = go.Figure(layout={"template": template(), "height": ROW * len(rows) + EDGES})
    # Below the least height of its rows, plotly makes no room for the title of the axis.
    figure.update_layout(margin={"t": 10}, minreducedheight=ROW)
    figure.add_vline(x=0, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.add_trace(_intervals(escape_texts(rows)))
    references = ", ".join(shorten(name, LONGEST_TICK) for name in dict.fromkeys(rows["against"]))
    against = escape_plotly(references)
    figure.update_xaxes(title=f"difference in {short_label(metric)} (same seeds) from<br>{against}")
    return figure.update_yaxes(autorange="reversed", **short_ticks(rows["label"]))


def _intervals(rows: pd.DataFrame) -> go.Scatter:
    clear = (rows["low"] > 0) | (rows["high"] < 0)
    symbol = clear.map({True: "circle", False: "circle-open"})
    return go.Scatter(
        x=rows["difference"],
        y=rows["label"],
        mode="markers",
        showlegend=False,
        error_x={
            "type": "data",
            "array": rows["high"] - rows["difference"],
            "arrayminus": rows["difference"] - rows["low"],
            "color": COLOURS[4],
        },
        marker={"size": 10, "color": COLOURS[4], "symbol": symbol},
        hoverinfo="text",
        hovertext=[_hover_text(row) for row in rows.to_dict("records")],
    )


def _hover_text(row: dict[Any, Any]) -> str:
    mean, low, high = (decimal_text(row[name]) for name in ("difference", "low", "high"))
    return (
        f"<b>{row['label']}</b> − {row['against']}<br>{mean} [{low}, {high}]"
        f"<br>{row['n']} common seeds"
    )
