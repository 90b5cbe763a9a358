"""Charts of several panels, one for each setting or task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.charts.plain import escape_texts
from dashboards.charts.short_names import short_texts
from dashboards.charts.theme import template
from orchestrator.results.pooling import IN_TABLE
from orchestrator.terminal.escaping import escape_plotly

# Of a panel, between panels, above and below all panels, and of a title, in pixels.
HEIGHT, BETWEEN, EDGES, TITLE = 300, 76, 110, 30
GAP = 0.29
LONGEST_TITLE = 44  # characters of a panel's title, as wide as half a report


def split_by_setting(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the title and the rows of each table of comparable rows, escaped for Plotly.

    A title has the columns in which the tables differ, and of a long one the middle is left out;
    the title of a single table is empty.
    """
    columns = ["table"] if "table" in table else [name for name in IN_TABLE if name in table]
    groups = (
        [rows for _, rows in table.groupby(columns, sort=False, dropna=False)] if columns else []
    )
    if len(groups) < 2:
        return [("", escape_texts(table))]
    varying = [name for name in IN_TABLE if name in table and table[name].nunique() > 1]
    titles = [", ".join(_column_text(name, rows[name]) for name in varying) for rows in groups]
    # An escape must not be cut, so titles are shortened first.
    short = short_texts(titles, LONGEST_TITLE)
    return [
        (escape_plotly(short[title]), escape_texts(rows))
        for title, rows in zip(titles, groups, strict=True)
    ]


def _column_text(column: str, values: pd.Series[Any]) -> str:
    forms = {"scenario": "{}-incremental", "num_tasks": "{} tasks", "sweep": "sweep {}"}
    return forms.get(column, "{}").format(", ".join(map(str, values.unique())))


def panels(
    titles: Sequence[str],
    columns: int = 2,
    height: int = HEIGHT,
    gap: float = GAP,
    between: int = BETWEEN,
) -> go.Figure:
    """Return a figure with a panel for each title, at least one.

    Args:
        titles: printed above the panels.
        columns: largest number of panels in a row.
        height: of a panel without its surroundings, in pixels.
        gap: width between panels, all of a row together, as a share of the figure.
        between: height between panels, for their axes and titles, in pixels.
    """
    across = max(1, min(columns, len(titles)))
    down = -(-max(1, len(titles)) // across)
    total = down * (height + between) + EDGES
    figure = make_subplots(
        rows=down,
        cols=across,
        subplot_titles=list(titles) if any(titles) else None,
        horizontal_spacing=gap / across,
        vertical_spacing=between / (total - EDGES),
    )
    figure.update_layout(template=template(), height=total, legend=legend(total - EDGES))
    return figure.update_annotations(font={"size": 14})


def legend(height: int) -> dict[str, Any]:
    """Return a legend above a chart and the titles of its panels.

    Args:
        height: of the chart without its margins, in pixels.
    """
    return {"orientation": "h", "x": 0, "y": 1 + TITLE / height, "yanchor": "bottom"}


def panel_position(index: int, columns: int = 2) -> dict[str, int]:
    """Return plotly's row and column of the panel at an index."""
    return {"row": index // columns + 1, "col": index % columns + 1}


def add_traces(figure: go.Figure, traces: Iterable[Any], where: Mapping[str, int]) -> None:
    """Add traces to a panel; the legend has one entry for traces of equal names."""
    traces = list(traces)
    listed = {other.name for other in figure.data if other.showlegend is not False}
    for trace in traces:
        if trace.name in listed:
            trace.showlegend = False
        elif trace.showlegend is not False:
            listed.add(trace.name)
        trace.legendgroup = trace.name
    rows, columns = ([where[side]] * len(traces) for side in ("row", "col"))
    figure.add_traces(traces, rows=rows, cols=columns)


def empty_figure(message: str) -> go.Figure:
    """Return a figure with a message instead of data."""
    figure = go.Figure(layout={"template": template(), "height": 160})
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(
        text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper"
    )
