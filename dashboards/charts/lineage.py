"""The trial graph of a small sweep, which shows the stages that trials share."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.panels import empty_figure
from dashboards.charts.plain import escape_column, plain_texts
from dashboards.charts.theme import COLOURS, GREY, template

MAX_STAGES = 400  # more cannot be told apart in the drawing
ROW, EDGES = 22, 130  # in pixels


@plain_texts
def trial_graph(stages: pd.DataFrame) -> go.Figure:
    """Draw the stages of a sweep from left to right, each once, with a line to its parent.

    A trial on a seed is a row; a stage that several trials share is in the row of the first, and
    its size grows with their number. Filled: computed for this sweep; hollow: the store had it.

    Args:
        stages: rows of `stages.parquet`: `trial_id`, `seed`, `after`, `key`, `parent`, `cached`,
            and `label` if the trials have names.
    """
    if stages.empty:
        return empty_figure("No stage has been computed.")
    if "label" not in stages:
        stages = stages.assign(label=escape_column(stages["trial_id"]))
    stages = stages.sort_values("seed", kind="stable")
    nodes = _nodes(stages)
    if len(nodes) > MAX_STAGES:
        return empty_figure(f"{len(nodes)} stages: too many to draw (at most {MAX_STAGES}).")
    figure = go.Figure(layout={"template": template(), "hovermode": "closest"})
    figure.add_trace(_branch_points(nodes))
    for cached, rows in nodes.groupby("cached"):
        figure.add_trace(_circles(rows, bool(cached)))
    figure.update_xaxes(title="tasks learned", dtick=1)
    names = _row_names(stages)
    figure.update_yaxes(
        title="trial and seed",
        range=[len(names) - 0.3, -0.7],  # a row of stages that others share has no circle
        tickvals=list(range(len(names))),
        ticktext=names,
        tickfont={"size": 10},
    )
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    return figure.update_layout(height=ROW * len(names) + EDGES, legend=legend)


def _nodes(stages: pd.DataFrame) -> pd.DataFrame:
    """Return a row per distinct stage: its position, the trials that share it, `cached`."""
    named = stages.assign(
        cached=stages["cached"].fillna(value=False).astype(bool),
        row=stages.groupby(["seed", "trial_id"], sort=False).ngroup(),
        trials=stages["label"].astype(str) + " seed " + stages["seed"].astype(str),
    )
    return (
        named.groupby("key", sort=False)
        .agg(
            after=("after", "first"),
            parent=("parent", "first"),
            row=("row", "min"),
            cached=("cached", "all"),
            shared_by=("trials", "nunique"),
            trials=("trials", _list_names),
        )
        .reset_index()
    )


def _row_names(stages: pd.DataFrame) -> list[str]:
    first = stages.drop_duplicates(["seed", "trial_id"])
    return list(first["label"].astype(str) + " · " + first["seed"].astype(str))


def _list_names(names: pd.Series[str]) -> str:
    listed = list(dict.fromkeys(names))
    return "<br>".join([*listed[:8], *([f"and {len(listed) - 8} more"] if len(listed) > 8 else [])])


def _circles(rows: pd.DataFrame, cached: bool) -> go.Scatter:
    return go.Scatter(
        name="already there" if cached else "computed",
        mode="markers",
        x=rows["after"],
        y=rows["row"],
        customdata=rows["key"],
        hoverinfo="text",
        marker={
            "symbol": "circle-open" if cached else "circle",
            "color": COLOURS[4],
            "size": (7 + 3 * rows["shared_by"]).clip(upper=26),
            "line": {"width": 1.5},
        },
        hovertext=[
            f"<b>stage {key[:8]}</b>, {after} tasks learned<br>{trials}"
            for key, after, trials in zip(rows["key"], rows["after"], rows["trials"], strict=True)
        ],
    )


def _branch_points(nodes: pd.DataFrame) -> go.Scatter:
    joints = nodes.merge(nodes, left_on="parent", right_on="key", suffixes=("", "_from"))
    return go.Scatter(
        x=_line_ends(joints["after_from"], joints["after"]),
        y=_line_ends(joints["row_from"], joints["row"]),
        mode="lines",
        line={"color": GREY, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )


def _line_ends(start: pd.Series[int], end: pd.Series[int]) -> list[int | None]:
    """Return the start and end of each line, with None after each as a gap."""
    return [x for pair in zip(start, end, strict=True) for x in (*pair, None)]
