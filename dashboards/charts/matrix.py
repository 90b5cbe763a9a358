"""R as a heat map, with the cells that a metric reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.metric_cells import AIA, CellPlace, metric_cells
from dashboards.charts.panels import empty_figure
from dashboards.charts.quantities import short_label
from dashboards.charts.short_names import shorten
from dashboards.charts.theme import FAINT, HIGHLIGHT, bar_title, template
from orchestrator.results.cells import ANNOTATED_TASKS, list_cells, step_corners
from orchestrator.results.colours import colour_scale
from orchestrator.results.metrics import R
from orchestrator.results.units import METRIC_FORMAT
from orchestrator.terminal.escaping import escape_plotly

MOST_APART = 30  # tasks
SIDE, HIGHEST, EDGES = 44, 620, 120  # of a cell, of all, and of what surrounds them, in pixels
LONGEST = 60  # letters of a title
SIGNS = {1: "+", -1: "−"}


def r_matrix(r: R, uses: str | None = None, title: str = "", seeds: str = "") -> go.Figure:
    """Draw R, with the row of the untrained network and the upper triangle; NaN is grey.

    Args:
        r: shape [T+1, T], accuracy 0 to 1; row `after` 0..T, column `task - 1`.
        uses: a metric ("acc", "bwt", ...) whose cells are highlighted, with + if it adds and − if
            it subtracts them; None: no highlights.
        title: printed above the chart; its middle is left out if it is long.
        seeds: printed after the title: which seeds R is of.
    """
    if not r.size:
        return empty_figure("No accuracy was measured.")
    num_tasks = r.shape[1]
    end = f", {seeds}" if seeds else ""
    text = escape_plotly(shorten(title, LONGEST - len(end)) + end)
    figure = go.Figure(layout={"template": template(), "title": {"text": text}})
    figure.add_trace(_heatmap(r, uses))
    # At once: to add one shape copies all before it, and a hundred tasks have thousands.
    shapes = [*_unmeasured_boxes(r), *_highlights(r, uses), _step(num_tasks)]
    figure.update_layout(shapes=shapes)
    every = max(1, num_tasks // ANNOTATED_TASKS)
    axis = {"showgrid": False, "dtick": every, "tick0": 0, "zeroline": False}
    figure.update_xaxes(**axis, title=_axis_title(r, uses), range=[0.5, num_tasks + 0.5])
    figure.update_yaxes(**axis, title="tasks learned (0: untrained)", range=[num_tasks + 0.5, -0.5])
    height = min(SIDE * (num_tasks + 1), HIGHEST) + (EDGES if title else EDGES - 40)
    return figure.update_layout(height=height, margin={"t": 50 if title else 10})


def _heatmap(r: R, uses: str | None) -> go.Heatmap:
    num_tasks = r.shape[1]
    tasks, rows = list(range(1, num_tasks + 1)), list(range(num_tasks + 1))
    heat = go.Heatmap(z=r, x=tasks, y=rows, zmin=0, zmax=1, colorscale=colour_scale())
    heat.update(text=_texts(r, uses), hoverongaps=True, **_gaps(num_tasks))
    heat.texttemplate = "%{text}" if num_tasks <= ANNOTATED_TASKS else None
    heat.colorbar = {"title": bar_title("accuracy"), "thickness": 14}
    heat.hovertemplate = (
        f"after %{{y}} tasks, on task %{{x}}: %{{z:{METRIC_FORMAT}}}<extra></extra>"
    )
    return heat


def _gaps(num_tasks: int) -> dict[str, int]:
    """Return the gaps between cells; cells of a few pixels have none, which would hide them."""
    return dict.fromkeys(("xgap", "ygap"), int(num_tasks <= MOST_APART))


def _texts(r: R, uses: str | None) -> list[list[str]]:
    signs = metric_cells(r, uses) if uses else {}
    texts = [[""] * r.shape[1] for _ in r]
    for cell in list_cells(r):
        sign = signs.get((cell.after, cell.task))
        number = cell.text if cell.is_measured else ""
        texts[cell.after][cell.task - 1] = f"{SIGNS[sign] if sign else ''}{number}"
    return texts


def _axis_title(r: R, uses: str | None) -> str:
    if uses is None:
        return "task"
    signs = metric_cells(r, uses).values()
    # Without numbers in the cells there are no signs either, and the lines of boxes tell them.
    plus, minus = ("+", "−") if r.shape[1] <= ANNOTATED_TASKS else ("boxed", "dotted")
    cells = f"mean of the {plus} cells" + (
        f", less that of the {minus} cells" if -1 in signs else ""
    )
    if uses == AIA:
        cells = f"mean over rows of the mean of a row's {plus} cells"
    return f"task<br>{short_label(uses)}: {cells}"


def _box(after: int, first: int, last: int) -> dict[str, Any]:
    """Return the rectangle around the cells of a row, from the first task to the last."""
    sides = {"x0": first - 0.5, "x1": last + 0.5, "y0": after - 0.5, "y1": after + 0.5}
    return {"type": "rect", **sides}


def _unmeasured_boxes(r: R) -> Iterator[dict[str, Any]]:
    grey = {"fillcolor": FAINT, "line": {"width": 0}, "layer": "below", "name": "not measured"}
    places = [(int(after), int(column) + 1) for after, column in np.argwhere(np.isnan(r))]
    for run in _runs_in_rows(places):
        yield _box(*run) | grey


def _highlights(r: R, uses: str | None) -> Iterator[dict[str, Any]]:
    cells = metric_cells(r, uses) if uses else {}
    for sign, dash in ((1, "solid"), (-1, "dot")):
        places = sorted(cell for cell, own in cells.items() if own == sign)
        # Thick outlines of cells of a few pixels would cover them.
        few, runs = r.shape[1] <= MOST_APART, ((*cell, cell[1]) for cell in places)
        for run in runs if few else _runs_in_rows(places):
            line = {"color": HIGHLIGHT, "width": 4 if few else 1, "dash": dash}
            yield _box(*run) | {"line": line, "name": f"uses {SIGNS[sign]}"}


def _runs_in_rows(cells: Iterable[CellPlace]) -> Iterator[tuple[int, int, int]]:
    """Yield the row, the first and the last task of each run of neighbours among sorted cells."""
    run: tuple[int, int, int] | None = None
    for after, task in cells:
        if run and (run[0], run[2] + 1) == (after, task):
            run = (after, run[1], task)
            continue
        if run:
            yield run
        run = (after, task, task)
    if run:
        yield run


def _step(num_tasks: int) -> dict[str, Any]:
    """Return the step between the tasks learned (below) and those not yet (above)."""
    path = " L ".join(f"{task},{after}" for task, after in step_corners(num_tasks))
    return {"type": "path", "path": f"M {path}", "line": {"color": "white", "width": 2}}
