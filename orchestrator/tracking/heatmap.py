"""R as a heat map, row 0 and upper triangle included: transfer and forgetting are both in sight."""

from __future__ import annotations

from io import BytesIO
from textwrap import wrap

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

# Cividis reads the same with and without red-green colour blindness, and in grey.
COLOURS = "cividis"
UNKNOWN = "0.8"
ANNOTATED_TASKS = 12
DPI = 120


def heatmap(r: NDArray[np.float64], title: str = "") -> Figure:
    """Draw R on a figure of its own; no global plotting state is touched.

    Args:
        r: shape [T+1, T], accuracy in 0..1; row `after` 0..T, column `task - 1`. NaN is drawn
            grey and hatched.
        title: above the axes, two lines at most.

    Returns:
        A figure with its Agg canvas. Below the stepped line are the tasks learned so far; cells
        carry their value up to 12 tasks.
    """
    num_tasks = r.shape[1]
    side = float(np.clip(0.55 * num_tasks, 2.0, 11.0))
    figure = Figure(figsize=(side + 2.2, side + 1.2))
    FigureCanvasAgg(figure)
    # Margins in inches: a layout engine would take longer than the drawing.
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.7 / width, 0.7 / height, side / width, side / height))
    bar = figure.add_axes(((0.9 + side) / width, 0.7 / height, 0.2 / width, side / height))
    colours = colormaps[COLOURS].with_extremes(bad=UNKNOWN)
    image = axes.imshow(np.ma.masked_invalid(r), cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    figure.colorbar(image, cax=bar, label="accuracy")
    _name(axes, num_tasks)
    letters = int(14 * (width - 0.7))
    lines = wrap(title, letters, max_lines=2, placeholder=" ...")
    axes.set_title("\n".join(lines), loc="left", fontsize=9)
    _hatch(axes, r)
    _mark_learned(axes, num_tasks)
    if num_tasks <= ANNOTATED_TASKS:
        _annotate(axes, r)
    return figure


def png(figure: Figure) -> bytes:
    """Return the figure as the bytes of a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _name(axes: Axes, num_tasks: int) -> None:
    axes.set_xlabel("task")
    axes.set_ylabel("tasks learned")
    every = max(1, num_tasks // ANNOTATED_TASKS)
    tasks = range(0, num_tasks, every)
    axes.set_xticks(list(tasks), [str(task + 1) for task in tasks])
    axes.set_yticks(list(range(0, num_tasks + 1, every)))


def _hatch(axes: Axes, r: NDArray[np.float64]) -> None:
    """Cross out what was not measured, so that it is told from a low accuracy without colour."""
    for after, task in np.argwhere(np.isnan(r)):
        corner = (float(task) - 0.5, float(after) - 0.5)
        axes.add_patch(
            Rectangle(corner, 1, 1, fill=False, hatch="///", edgecolor="0.55", linewidth=0)
        )


def _mark_learned(axes: Axes, num_tasks: int) -> None:
    """Draw the step between the tasks learned so far (below) and those still unseen (above)."""
    across = np.arange(num_tasks + 1) - 0.5
    down = np.arange(1, num_tasks + 1) - 0.5
    x = np.repeat(across, 2)[1:-1]
    axes.plot(x, np.repeat(down, 2), color="white", linewidth=2.5)
    axes.plot(x, np.repeat(down, 2), color="black", linewidth=1.0)


def _annotate(axes: Axes, r: NDArray[np.float64]) -> None:
    for (after, task), accuracy in np.ndenumerate(r):
        if np.isfinite(accuracy):
            ink = "black" if accuracy > 0.55 else "white"
            axes.text(
                task, after, f"{accuracy:.2f}", ha="center", va="center", color=ink, fontsize=8
            )
