"""The candidates of a search by hyperparameter, in parallel coordinates."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from rich.cells import cell_len

from dashboards.charts.panels import empty_figure
from dashboards.charts.parallel_axes import ParallelAxis, hyperparameter_axis, objective_axis
from dashboards.charts.plain import plain_texts
from dashboards.charts.short_names import shorten
from dashboards.charts.theme import COLOURS, FAINT, GREY, HIGHLIGHT, template
from orchestrator.results.variation import varying_columns
from orchestrator.terminal.escaping import escape_plotly

HEIGHT, NARROW_WIDTH = 420, 700  # pixels; of the width, what the narrowest page has
LETTER, ROOM = 6.5, 12.0  # width of a letter of a tick, and the free space beside it, in pixels
TITLE_LETTER = 7.5  # width of a letter of a title, in pixels
MOST_BAND = 0.36  # half the width of the widest band, as a share of the distance of two axes
# Lines of candidates are in so many colours between two: those of low and of high objectives.
LEVELS, LOW_HIGH = 6, [COLOURS[1], COLOURS[4]]
MOST_WINNERS = 3  # with a name in the legend
ENDED = "stopped before it had an objective"


@plain_texts
def parallel_coordinates(
    candidates: pd.DataFrame, objective: str = "objective", logarithmic: Container[str] = ()
) -> go.Figure:
    """Draw a line per candidate through its hyperparameters to its objective.

    An axis is a band that lines do not enter, with its ticks inside. Lines are the darker and the
    thicker the higher the objective; those of winners are thick, and have a colour that no other
    line has. Grey ones, to the bottom of the last axis, had no objective.

    Args:
        candidates: a row per candidate: `config.*` columns (those that vary are drawn),
            `tasks_done`, the objective, and maybe `label` and `selected`, of winners.
        objective: the column that ranks candidates (validation).
        logarithmic: paths of hyperparameters whose space is logarithmic.
    """
    names = varying_hyperparameters(candidates)
    if candidates.empty or not names:
        return empty_figure("No hyperparameter varies among these candidates.")
    values = candidates[objective].astype(float).reset_index(drop=True)
    axes = [
        hyperparameter_axis(name, candidates[name], name.removeprefix("config.") in logarithmic)
        for name in names
    ]
    if "tasks_done" in candidates and candidates["tasks_done"].nunique() > 1:
        axes.append(hyperparameter_axis("tasks learned", candidates["tasks_done"]))
    axes.append(objective_axis(objective, values))
    halves = band_widths(axes)
    figure = go.Figure(layout={"template": template(), "height": HEIGHT, "hovermode": "closest"})
    figure.add_traces([*_lines(candidates, values, axes, halves), *_axis_texts(axes)])
    for place, half in enumerate(halves):
        ends = {"x0": place - half, "x1": place + half, "y0": -0.03, "y1": 1.03}
        figure.add_shape(type="rect", layer="below", fillcolor=FAINT, opacity=0.5, **ends)
    figure.update_shapes(line_width=0)
    left, right = (_end_room(axes, halves, place) for place in (0, len(axes) - 1))
    figure.update_xaxes(visible=False, range=[-left, len(axes) - 1 + right])
    figure.update_yaxes(visible=False, range=[-0.06, 1.16])
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure.update_layout(margin={"t": 40, "b": 10}, legend=legend, showlegend=True)


def varying_hyperparameters(candidates: pd.DataFrame) -> list[str]:
    """Return the `config.*` columns that vary."""
    config = [name for name in candidates.columns if name.startswith("config.")]
    return varying_columns(candidates, config)


def band_widths(axes: Sequence[ParallelAxis]) -> list[float]:
    """Return half the width of the band of each axis, as a share of the distance of two axes."""
    distance = NARROW_WIDTH / len(axes)
    longest = [max(map(cell_len, axis.ticks.values())) for axis in axes]
    return [min(MOST_BAND, (LETTER * letters + ROOM) / 2 / distance) for letters in longest]


def _end_room(axes: Sequence[ParallelAxis], halves: Sequence[float], place: int) -> float:
    """Return the room beside an axis at an end, for its band and its title."""
    title = TITLE_LETTER * cell_len(axes[place].title) / 2 * len(axes) / NARROW_WIDTH
    return max(halves[place], title)


def _lines(
    candidates: pd.DataFrame,
    values: pd.Series[float],
    axes: Sequence[ParallelAxis],
    halves: Sequence[float],
) -> Iterator[go.Scatter]:
    """Yield the lines without an objective, those of each level from low to high, the winners'."""
    won = np.zeros(len(values), dtype=bool)
    if "selected" in candidates:
        won = candidates["selected"].fillna(value=False).to_numpy(bool)
    names = candidates.get("label", candidates.index)
    labels = [*map(str, names)]
    low, high = values.min(), values.max()
    level = ((values - low) / ((high - low) or 1.0) * (LEVELS - 1)).round()
    draw = partial(_draw_lines, axes=axes, halves=halves, labels=labels)
    unknown = np.flatnonzero(values.isna() & ~won).tolist()
    if unknown:
        yield draw(unknown, GREY, 1.0).update(name=ENDED, opacity=0.8)
    for number, colour in enumerate(sample_colorscale(LOW_HIGH, LEVELS)):
        rows = np.flatnonzero((level == number) & ~won).tolist()
        if rows:
            width = 1.2 + number / (LEVELS - 1)
            yield draw(rows, colour, width).update(showlegend=False)
    winners = np.flatnonzero(won).tolist()
    for rows in [[row] for row in winners] if len(winners) <= MOST_WINNERS else [winners]:
        name = f"winner: {labels[rows[0]]}" if len(rows) == 1 else "winners"
        yield draw(rows, HIGHLIGHT, 4.0).update(name=name)


def _draw_lines(
    rows: Sequence[int],
    colour: str,
    width: float,
    *,
    axes: Sequence[ParallelAxis],
    halves: Sequence[float],
    labels: Sequence[str],
) -> go.Scatter:
    """Draw the lines of some candidates from band to band, with gaps in the bands."""
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for row in rows:
        for place, (axis, half) in enumerate(zip(axes, halves, strict=True)):
            height = float(axis.places[row])
            sides = (place - half, None, place + half)
            x += sides
            y += (height, None, height)
            texts += [
                f"<b>{labels[row]}</b><br>{escape_plotly(axis.title)}: {axis.texts[row]}"
            ] * len(sides)
        x[-1] = y[-1] = None  # after the last axis; before the first stands a point alone
    line = {"color": colour, "width": width}
    marker = {"size": 1, "color": colour}
    style: dict[str, Any] = {"mode": "lines+markers", "line": line, "marker": marker}
    return go.Scatter(x=x, y=y, hoverinfo="text", hovertext=texts, **style)


def _axis_texts(axes: Sequence[ParallelAxis]) -> Iterator[go.Scatter]:
    """Yield the ticks in the bands, and the titles above them."""
    letters = int(NARROW_WIDTH / len(axes) / TITLE_LETTER)
    ticks = [(i, place, text) for i, axis in enumerate(axes) for place, text in axis.ticks.items()]
    titles = [
        (i, 1.1, f"<b>{escape_plotly(shorten(axis.title, letters))}</b>")
        for i, axis in enumerate(axes)
    ]
    for texts, size in ((ticks, 11), (titles, 12)):
        x, y, shown = zip(*texts, strict=True)
        style: dict[str, Any] = {"mode": "text", "textfont": {"size": size}, "hoverinfo": "skip"}
        yield go.Scatter(x=x, y=y, text=shown, showlegend=False, cliponaxis=False, **style)
