"""FLOPs against measured seconds: whether they agree on this hardware."""

from __future__ import annotations

from math import isnan
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.cost_axes import axis_layout
from dashboards.charts.method_styles import method_lines
from dashboards.charts.panels import empty_figure, legend
from dashboards.charts.plain import plain_texts
from dashboards.charts.theme import assign_lines, assign_symbols, template
from orchestrator.results.agreement import Agreement, rank_agreements
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import column_text, decimal_text, noun_text

HEIGHT, EDGES = 380, 130  # pixels


@plain_texts
def agreement(costs: pd.DataFrame, surface: Surface | None = None) -> go.Figure:
    """Draw a point per trial, FLOPs across and seconds up, a colour and a shape per method.

    Args:
        costs: as from `orchestrator.results.agreement.measured_costs`.
        surface: beside it, whose colours methods of the same names have.
    """
    if costs.empty:
        return empty_figure("No complete trial has measured seconds.")
    layout = {"template": template(), "height": HEIGHT + EDGES, "legend": legend(HEIGHT)}
    figure = go.Figure(layout=layout)
    colours = assign_lines(costs["method"]) | method_lines(surface)
    symbols = assign_symbols(costs["method"])
    for method, rows in costs.groupby("method", sort=False):
        look = {"color": colours[method]["color"], "symbol": symbols[method], "size": 8}
        figure.add_trace(_points(str(method), rows, look))
    means = costs.rename(columns=lambda name: f"{name}_mean")
    figure.update_xaxes(axis_layout(means, "compute_flops"))
    return figure.update_yaxes(axis_layout(means, "seconds"))


def _points(method: str, rows: pd.DataFrame, look: dict[str, Any]) -> go.Scatter:
    return go.Scatter(
        name=method,
        mode="markers",
        x=rows["compute_flops"],
        y=rows["seconds"],
        marker=look | {"opacity": 0.75},
        hoverinfo="text",
        hovertext=[
            f"<b>{method}</b>, seed {row['seed']}<br>"
            f"{', '.join(column_text(name, row[name]) for name in ('compute_flops', 'seconds'))}"
            for row in rows.to_dict("records")
        ],
    )


def agreement_sentences(costs: pd.DataFrame) -> list[str]:
    """Return a sentence for each device on how FLOPs rank its trials against seconds."""
    return [agreement_sentence(each) for each in rank_agreements(costs)]


def agreement_sentence(on_device: Agreement) -> str:
    """Return a sentence on how FLOPs rank the trials of a device against seconds."""
    trials = noun_text(f"{on_device.n:,}", "trial")
    if isnan(on_device.rho):
        return f"On {on_device.device}: {trials} with too few different costs to rank."
    return (
        f"On {on_device.device}: Spearman's rank correlation of FLOPs and seconds is "
        f"{decimal_text(on_device.rho)} over {trials}."
    )
