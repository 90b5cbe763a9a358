"""Growth of storage and computation with the number of tasks, extrapolated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboards.charts.cost_axes import linear_ticks
from dashboards.charts.method_styles import method_lines
from dashboards.charts.panels import TITLE, add_traces, empty_figure, panel_position, panels
from dashboards.charts.plain import plain_texts
from dashboards.charts.short_names import LONGEST, short_texts
from dashboards.charts.theme import assign_lines
from orchestrator.columns import COLUMNS
from orchestrator.results.bodies import APART, BODY_APART
from orchestrator.results.growth import Growth, fit_cost
from orchestrator.results.surface.surface import Surface
from orchestrator.results.surface.trials import STORAGE_BUDGET
from orchestrator.results.units import UNDEFINED, column_text, percent_text
from orchestrator.terminal.growth_tables import formula

# Column -> what it is of T, and its short name.
GROWING = {
    "storage_bytes": ("storage carried after task T", "bytes"),
    "compute_flops": (f"{COLUMNS['compute_flops'].words} of task T", "FLOPs per task"),
}
HOW_FOUND = (
    "A cost whose values at the last half of the tasks (at least three) differ by 5 % or less is "
    "constant: their mean. A falling one stays at its last value. Otherwise it is the line of "
    "least squares through them; not linear: the line is off by more than 5 %. FLOPs are those of "
    "tasks learned with a full memory, where it is full. At most: the budget, where a memory or "
    "steps are solved for; else, by the configuration, a full memory and what is learned at its "
    "widest. What else grows is extrapolated without a bound."
)


@plain_texts
def growth(
    costs: pd.DataFrame, num_tasks: int, surface: Surface | None = None, columns: int = 1
) -> go.Figure:
    """Draw bytes after, and FLOPs of, each task, and thin lines to what they come to.

    Args:
        costs: `label`, `after`, BOUNDS, APART and the columns of GROWING; a row per configuration
            and task, as from `dashboards.data.means.read_growth`.
        num_tasks: the number of tasks to extrapolate to.
        surface: beside it, whose colours labels of the same names have.
        columns: 2 draws both costs side by side.
    """
    if costs.empty:
        return empty_figure("No stage has been computed.")
    figure = panels([words for words, *_ in GROWING.values()], columns)
    # A page that is printed draws anew, and has no time to make room for the legend.
    figure.update_layout(margin={"t": 3 * TITLE})
    styles = assign_lines(costs["label"]) | method_lines(surface)
    names = short_texts(costs["label"], LONGEST)
    for index, column in enumerate(GROWING):
        highest = 0.0
        for label, rows in costs.groupby("label", sort=False):
            lines = list(growth_lines(rows.sort_values("after"), column, num_tasks))
            for line in lines:
                style_line(line.update(name=names[str(label)]), styles[label])
            add_traces(figure, lines, panel_position(index, columns))
            highest = max(highest, *(float(np.nanmax(line.y)) for line in lines))
        axis = linear_ticks(highest, COLUMNS[column].unit)
        figure.update_yaxes(axis, **panel_position(index, columns))
    # Of the last panel alone: the legend may leave no room between the panels.
    row = len(GROWING) // columns
    return figure.update_xaxes(title="T: number of tasks", row=row)


def style_line(line: go.Scatter, style: Mapping[str, str]) -> None:
    """Give a line its style; a line without markers is an extrapolation, thin and pale."""
    line.update(line=style, marker={"color": style["color"], "size": 6})
    if line.mode == "lines":
        line.update(line_width=1, opacity=0.6)


def growth_lines(rows: pd.DataFrame, column: str, num_tasks: int) -> Iterator[go.Scatter]:
    """Yield the measured points, and the line through the last of them to the number of tasks."""
    yield measured_points(rows, column)
    fit = fit_cost(rows, column)
    yield extrapolation(fit, len(rows) - fit.tasks + 1, num_tasks, column)


def measured_points(rows: pd.DataFrame, column: str) -> go.Scatter:
    """Return the values of a column after each task, joined by a line."""
    values = rows[column].to_numpy(float)
    return go.Scatter(
        mode="lines+markers",
        x=rows["after"].to_numpy(),
        y=values,
        hoverinfo="text+name",
        hovertext=[
            f"T = {t}: {column_text(column, v)}" for t, v in zip(rows["after"], values, strict=True)
        ],
    )


def extrapolation(fit: Growth, first: int, num_tasks: int, column: str) -> go.Scatter:
    """Return the line of a fit from its first task to the number of tasks."""
    ends = np.array([first, *fit.find_bends(first, num_tasks), num_tasks])
    return go.Scatter(
        mode="lines",
        showlegend=False,
        x=ends,
        y=[fit.cost(end) for end in ends],
        hoverinfo="text+name",
        hovertext=[formula(fit, column)] * len(ends),
    )


def growth_table(costs: pd.DataFrame, num_tasks: int) -> pd.DataFrame:
    """Return the formula of each configuration's costs, and what they come to, as text.

    Args:
        costs: as of `growth`; with a budget of storage in `means_storage_bytes` there is a column
            for the number of tasks from which on what is carried would be above it.
        num_tasks: the number of tasks to extrapolate to.
    """
    rows, budgets = [], costs.groupby("label").first().get(STORAGE_BUDGET, pd.Series(dtype=float))
    for label, fits in growth_fits(costs).items():
        row = {"configuration": label}
        for column, fit in fits.items():
            row |= fit_cells(fit, column, num_tasks)
        if pd.notna(budget := budgets.get(label)):
            above = fits["storage_bytes"].num_tasks_above(budget)
            row["above its budget from T"] = UNDEFINED if above is None else str(above)
        rows.append(row)
    return pd.DataFrame(rows)


def describe_fits(costs: pd.DataFrame) -> str:
    """Return how growth is found in costs as of `growth`, and which bytes they are."""
    return f"{HOW_FOUND} {BODY_APART}" if costs[APART].any() else HOW_FOUND


def growth_fits(costs: pd.DataFrame) -> dict[str, dict[str, Growth]]:
    """Return label -> column of GROWING -> its growth, of costs as of `growth`."""
    return {
        str(label): {name: fit_cost(part, name) for name in GROWING}
        for label, part in costs.groupby("label", sort=False)
    }


def fit_cells(fit: Growth, column: str, num_tasks: int) -> dict[str, str]:
    """Return the cells of a fit: formula, how it was found, value with a number of tasks."""
    name = GROWING[column][1]
    short = name.partition(" ")[0]
    off = f", off by up to {percent_text(fit.misfit)}" if fit.misfit >= 0.005 else ""
    return {
        name: formula(fit, column),
        f"{short} are": f"{fit.kind} over the last {fit.tasks}{off}",
        f"{short} at T = {num_tasks}": column_text(column, fit.cost(num_tasks)),
    }
