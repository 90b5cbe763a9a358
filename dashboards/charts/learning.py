"""Learning curves of the candidates of a search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import EDGES, HEIGHT, empty_figure, legend
from dashboards.charts.plain import plain_texts
from dashboards.charts.theme import FAINT, GREY, HIGHLIGHT, template
from orchestrator.columns import UNFINISHED
from orchestrator.results.units import decimal_text

ENDS = {
    "stopped": "x",
    UNFINISHED: "square-open",
    "failed": "triangle-down",
    "diverged": "star-triangle-down",
}


@plain_texts
def learning_curves(curves: pd.DataFrame) -> go.Figure:
    """Draw the validation accuracy of each candidate over the tasks it learned.

    The winner is bold and in colour. A mark is at the end of a candidate that ended early; its
    hover text has the reason.

    Args:
        curves: a row per candidate and number of tasks learned: `label` (the candidate's
            hyperparameters), `candidate`, `after`, `val_acc` (mean over the tasks learned so far
            and the search's seeds), `status`, `story`, `selected`.
    """
    if curves.empty:
        return empty_figure("No candidate has been evaluated.")
    figure = go.Figure(
        layout={"template": template(), "height": HEIGHT + EDGES, "hovermode": "closest"}
    )
    ordered = curves.sort_values(["selected", "candidate", "after"], kind="stable")
    for _, rows in ordered.groupby("candidate", sort=False):
        figure.add_trace(_line(rows))
    for status, trace in _end_marks(ordered):
        figure.add_trace(trace.update(name=status))
    figure.update_xaxes(title="tasks learned", dtick=max(1, int(curves["after"].max()) // 10))
    figure.update_yaxes(title="accuracy over the tasks<br>learned so far (validation)")
    return figure.update_layout(legend=legend(HEIGHT))


def _line(rows: pd.DataFrame) -> go.Scatter:
    first = rows.iloc[0]
    won = bool(first["selected"])
    return go.Scatter(
        name=f"winner: {first['label']}" if won else str(first["label"]),
        showlegend=won,
        mode="lines+markers" if won or len(rows) == 1 else "lines",
        x=rows["after"],
        y=rows["val_acc"],
        customdata=rows["candidate"],
        line={"width": 4 if won else 1.5, "color": HIGHLIGHT if won else GREY},
        opacity=1.0 if won else 0.65,
        hoverinfo="text",
        hovertext=[
            f"<b>{first['label']}</b><br>after {after} tasks: {decimal_text(value)}"
            for after, value in zip(rows["after"], rows["val_acc"], strict=True)
        ],
    )


def _end_marks(curves: pd.DataFrame) -> Iterator[tuple[str, go.Scatter]]:
    """Yield for each status of candidates that ended early the trace of their last points."""
    last = curves.groupby("candidate", sort=False).tail(1)
    for status, rows in last[last["status"].isin(ENDS)].groupby("status", sort=False):
        yield (
            str(status),
            go.Scatter(
                mode="markers",
                x=rows["after"],
                y=rows["val_acc"],
                hoverinfo="text",
                marker={
                    "symbol": ENDS[str(status)],
                    "size": 9,
                    "color": GREY,
                    "line": {"width": 1, "color": FAINT},
                },
                hovertext=[_end_text(row) for row in rows.to_dict("records")],
            ),
        )


def _end_text(row: dict[Any, Any]) -> str:
    story = str(row["story"] or "").partition("\n")[0]
    after = f"after {row['after']} tasks at {decimal_text(row['val_acc'])}"
    return f"<b>{row['label']}</b><br>{row['status']} {after}<br>{story}".removesuffix("<br>")
