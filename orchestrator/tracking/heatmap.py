"""R as a heat map with row 0 and the upper triangle, which show transfer and forgetting."""

from __future__ import annotations

from io import BytesIO
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from orchestrator.results.cells import ANNOTATED_TASKS, list_cells, step_corners
from orchestrator.results.colours import COLOUR_MAP, hex_text

UNKNOWN = "0.8"  # grey
DPI = 120
HATCHED_TASKS = 100


def draw_heatmap(r: NDArray[np.float64], title: str = "") -> Figure:
    """Draw R on a new figure, without global state of matplotlib.

    Args:
        r: shape [T+1, T], accuracy in 0..1; row `after` 0..T, column `task - 1`. NaN is drawn
            grey and hatched.
        title: above the axes, two lines at most.

    Returns:
        A figure with its Agg canvas. The tasks learned so far are below the stepped line; cells
        have numbers up to 12 tasks.
    """
    num_tasks = r.shape[1]
    side = float(np.clip(0.55 * num_tasks, 2.0, 11.0))
    figure = Figure(figsize=(side + 2.2, side + 1.2))
    FigureCanvasAgg(figure)
    # Margins in inches, since a layout engine takes longer than the drawing.
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.7 / width, 0.7 / height, side / width, side / height))
    bar = figure.add_axes(((0.9 + side) / width, 0.7 / height, 0.2 / width, side / height))
    figure.colorbar(draw_matrix(axes, r), cax=bar, label="accuracy")
    _label_axes(axes, num_tasks)
    letters = int(14 * (width - 0.7))
    lines = wrap(title, letters, max_lines=2, placeholder=" ...")
    axes.set_title("\n".join(lines), loc="left", fontsize=9)
    return figure


def draw_matrix(axes: Axes, r: NDArray[np.float64], size: float = 8) -> AxesImage:
    """Draw the cells of R and the stepped line on axes.

    Args:
        axes: the axes.
        r: see `draw_heatmap`.
        size: font size of the numbers, in points.
    """
    colours = colormaps[COLOUR_MAP].with_extremes(bad=UNKNOWN)
    image = axes.imshow(np.ma.masked_invalid(r), cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    _hatch_unmeasured(axes, r)
    for cell in list_cells(r) if r.shape[1] <= ANNOTATED_TASKS else ():
        if cell.is_measured:
            place, ink = (cell.task - 1, cell.after), hex_text(cell.text_colour)
            axes.text(*place, cell.text, ha="center", va="center", color=ink, fontsize=size)
    tasks, after = zip(*step_corners(r.shape[1]), strict=True)
    for colour, width in (("white", 2.5), ("black", 1.0)):
        axes.plot([task - 1 for task in tasks], after, color=colour, linewidth=width)
    return image


def render_png(figure: Figure) -> bytes:
    """Return the figure as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _label_axes(axes: Axes, num_tasks: int) -> None:
    axes.set_xlabel("task")
    axes.set_ylabel("tasks learned")
    every = max(1, num_tasks // ANNOTATED_TASKS)
    tasks = range(0, num_tasks, every)
    axes.set_xticks(list(tasks), [str(task + 1) for task in tasks])
    axes.set_yticks(list(range(0, num_tasks + 1, every)))


def _hatch_unmeasured(axes: Axes, r: NDArray[np.float64]) -> None:
    # Grey alone does not set a cell apart in print. Cells of a pixel have no room for a hatch, and
    # with a thousand tasks it takes a minute, in which the process that sends cannot end.
    if r.shape[1] > HATCHED_TASKS:
        return
    style: dict[str, Any] = {"fill": False, "hatch": "///", "edgecolor": "0.55", "linewidth": 0}
    for after, row in enumerate(np.isnan(r)):
        edges = np.flatnonzero(np.diff(row, prepend=False, append=False))
        for first, end in edges.reshape(-1, 2).tolist():
            axes.add_patch(Rectangle((first - 0.5, after - 0.5), end - first, 1, **style))
