"""The trial graph of a small sweep: the stages that trials share, and where trials ended early."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.lineage_ends import find_ends
from dashboards.charts.panels import empty_figure
from dashboards.charts.plain import escape_column, plain_texts
from dashboards.charts.theme import COLOURS, GREY, HIGHLIGHT, brighten_marks, template

MAX_STAGES = 400  # more cannot be told apart in the drawing
ROW, EDGES = 22, 130  # in pixels
# What a stage is -> the symbol and the colour of its mark, in the order of the legend.
MARKS = {
    "computed": ("circle", COLOURS[4]),
    "already there": ("circle-open", COLOURS[4]),
    "diverged": ("triangle-down", COLOURS[0]),
    "failed": ("x", HIGHLIGHT),
    "running": ("diamond", COLOURS[2]),
    "not run": ("circle-open", GREY),
}


@plain_texts
def trial_graph(
    stages: pd.DataFrame, trials: pd.DataFrame | None = None, dark: bool = False
) -> go.Figure:
    """Draw the stages of a sweep from left to right, each once, with a line to its parent.

    A trial on a seed is a row; a stage that several trials share is in the row of the first, and
    its size grows with their number. Filled: computed for this sweep; hollow: the store had it.
    Where a trial diverged or failed is a mark, as is a stage that runs, and grey circles are stages
    that were not run.

    Args:
        stages: rows of `stages.parquet`: `trial_id`, `seed`, `after`, `key`, `parent`, `cached`,
            maybe `status`, and `label` if the trials have names.
        trials: `trial_id`, `seed`, `label`, `status`, `num_tasks`, `story` and maybe `running` of
            the trials, see `find_ends`, whose texts are escaped; None: those with a stage, and
            nothing on where they ended.
        dark: whether the marks are for a dark background.
    """
    if stages.empty:
        return empty_figure("No stage has been computed.")
    if "label" not in stages:
        stages = stages.assign(label=escape_column(stages["trial_id"]))
    if trials is None:
        trials = stages.drop_duplicates(["seed", "trial_id"])
    rows = trials.sort_values("seed", kind="stable").reset_index(drop=True).rename_axis("row")
    placed = stages.merge(rows.reset_index()[["seed", "trial_id", "row"]], on=["seed", "trial_id"])
    nodes = _nodes(placed)
    if len(nodes) > MAX_STAGES:
        return empty_figure(f"{len(nodes)} stages: too many to draw (at most {MAX_STAGES}).")
    ends = find_ends(placed, nodes, rows)
    figure = go.Figure(layout={"template": template(), "hovermode": "closest"})
    figure.add_trace(_branches(nodes, ends))
    figure.add_traces([*_stage_marks(nodes), *_end_marks(ends)])
    if dark:
        brighten_marks(figure)
    figure.update_xaxes(title="tasks learned", dtick=1)
    figure.update_yaxes(
        title="trial and seed",
        range=[len(rows) - 0.3, -0.7],  # a row of stages that others share has no circle
        tickvals=list(range(len(rows))),
        ticktext=list(rows["label"].astype(str) + " · " + rows["seed"].astype(str)),
        tickfont={"size": 10},
    )
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    height = ROW * len(rows) + EDGES
    return figure.update_layout(height=height, legend=legend, showlegend=True)


def _nodes(placed: pd.DataFrame) -> pd.DataFrame:
    """Return a row per distinct stage: its position, the trials that share it, what it is."""
    cached = placed["cached"].fillna(value=False).astype(bool)
    named = placed.assign(
        cached=cached,
        status=placed.get("status", "complete"),
        trials=placed["label"].astype(str) + " seed " + placed["seed"].astype(str),
    )
    nodes = named.groupby("key", sort=False).agg(
        after=("after", "first"),
        parent=("parent", "first"),
        row=("row", "min"),
        cached=("cached", "all"),
        status=("status", "first"),
        shared_by=("trials", "nunique"),
        trials=("trials", _list_names),
    )
    kind = nodes["cached"].map({True: "already there", False: "computed"})
    return nodes.assign(kind=kind.mask(nodes["status"] == "diverged", "diverged")).reset_index()


def _list_names(names: pd.Series[str]) -> str:
    listed = list(dict.fromkeys(names))
    return "<br>".join([*listed[:8], *([f"and {len(listed) - 8} more"] if len(listed) > 8 else [])])


def _stage_marks(nodes: pd.DataFrame) -> Iterator[go.Scatter]:
    """Yield the marks of the stages that there are, by kind."""
    for kind in ("computed", "already there", "diverged"):
        rows = nodes[nodes["kind"] == kind]
        texts = [
            f"<b>stage {key[:8]}</b>, {after} tasks learned<br>{trials}"
            for key, after, trials in zip(rows["key"], rows["after"], rows["trials"], strict=True)
        ]
        if len(rows):
            sizes = (7 + 3 * rows["shared_by"]).clip(upper=26)
            yield _marks(kind, rows, texts).update(customdata=rows["key"], marker_size=sizes)


def _end_marks(ends: pd.DataFrame) -> Iterator[go.Scatter]:
    """Yield the marks of the stages that there are not: failed, running, and not run."""
    for kind in ("failed", "running", "not run"):
        rows = ends[ends["kind"] == kind]
        if len(rows):
            yield _marks(kind, rows, rows["text"]).update(marker_size=9)


def _marks(kind: str, rows: pd.DataFrame, texts: object) -> go.Scatter:
    symbol, colour = MARKS[kind]
    return go.Scatter(
        name=kind,
        mode="markers",
        x=rows["after"],
        y=rows["row"],
        hoverinfo="text",
        hovertext=texts,
        marker={"symbol": symbol, "color": colour, "line": {"width": 1.5, "color": colour}},
    )


def _branches(nodes: pd.DataFrame, ends: pd.DataFrame) -> go.Scatter:
    """Return the lines to each stage from its parent, and to one that failed or runs."""
    joints = nodes.merge(nodes, left_on="parent", right_on="key", suffixes=("", "_from"))
    columns = ["after_from", "after", "row_from", "row"]
    lines = pd.concat([joints[columns], ends[columns].dropna()])
    return go.Scatter(
        x=_line_ends(lines["after_from"], lines["after"]),
        y=_line_ends(lines["row_from"], lines["row"]),
        mode="lines",
        line={"color": GREY, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )


def _line_ends(start: pd.Series[int], end: pd.Series[int]) -> list[int | None]:
    """Return the start and end of each line, with None after each as a gap."""
    return [x for pair in zip(start, end, strict=True) for x in (*pair, None)]
