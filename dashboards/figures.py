"""Figures of results, drawn through matplotlib's objects: no pyplot, no state outside the figure.

`python -m dashboards.figures DIR FILE.png` draws one. All numbers come from `orchestrator.compare`
and `orchestrator.results`; nothing is computed here but where ink goes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from math import ceil, log10
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator
from matplotlib.transforms import Bbox

from orchestrator.compare import comparison
from orchestrator.errors import RepertoireError
from orchestrator.results import SETTING, Results, load, over_seeds
from orchestrator.tracking.heatmap import ANNOTATED_TASKS, COLOURS, UNKNOWN

DPI = 120
MARKERS = "osD^vP*Xhp"
MARKER_AREA = 110.0  # points squared
PANEL_WIDTH, PANEL_HEIGHT, CROWDED = 4.9, 3.7, 6  # inches, and for how many points that does
HEATMAP_SIDE = 2.3
COLUMNS = {"trade_off": 2, "r_matrices": 3}
# Where a label may stand, in points from its marker: nearest first.
DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.7, 0.8), (-0.7, 0.8)),
    *((0.7, -0.8), (-0.7, -0.8), (0.0, 1.0), (0.0, -1.0)),
)
OFFSETS = tuple(
    (dx * reach, dy * reach)
    for reach in (9, 15, 24, 36, 50, 68, 90)
    for dx, dy in (
        (1, 0),
        (-1, 0),
        (0.7, 0.8),
        (-0.7, 0.8),
        (0.7, -0.8),
        (-0.7, -0.8),
        (0, 1),
        (0, -1),
    )
)


def trade_off(results: Results) -> Figure:
    """Draw what each configuration keeps against what it computes, coloured by ACC.

    A panel for each benchmark and scenario; the marker's shape tells the method, its label the
    configuration and ACC. Configurations at the very same place are drawn inside one another.

    Raises:
        RepertoireError: no complete trial.
    """
    table = completed(results)
    panels = list(table.groupby(SETTING, sort=False))
    room = max(1.0, max(len(rows) for _, rows in panels) / CROWDED) ** 0.5
    size = (PANEL_WIDTH * room, PANEL_HEIGHT * room)
    figure, grid = canvas(len(panels), COLUMNS["trade_off"], *size)
    markers = dict(zip(dict.fromkeys(table["method"]), cycle(MARKERS), strict=False))
    points = [scatter(axes, rows, markers) for axes, (_, rows) in zip(grid, panels, strict=True)]
    for axes, (setting, _) in zip(grid, panels, strict=True):
        axes.set_title(title(setting), fontsize=10)
    figure.colorbar(points[0], ax=list(grid), label="ACC after the last task (test)", pad=0.02)
    figure.draw_without_rendering()  # settles the layout, which the labels need to know
    for axes, (_, rows) in zip(grid, panels, strict=True):
        place_labels(axes, rows)
    return figure


def r_matrices(results: Results) -> Figure:
    """Draw R of each configuration, averaged over its seeds: rows are tasks learned, 0 first.

    Above the step are tasks not yet learned. Grey: not measured, or nothing to measure.

    Raises:
        RepertoireError: no complete trial.
    """
    table = completed(results)
    cells = over_seeds(test_accuracy(results), ["sweep", "trial_id", "after", "task"], ["accuracy"])
    figure, grid = canvas(len(table), COLUMNS["r_matrices"], HEATMAP_SIDE, HEATMAP_SIDE + 0.3)
    several = len(table.groupby(SETTING)) > 1
    for axes, row in zip(grid, table.to_dict("records"), strict=True):
        own = cells[(cells["sweep"] == row["sweep"]) & (cells["trial_id"] == row["trial_id"])]
        image = heatmap(axes, own.pivot_table("accuracy_mean", "after", "task", dropna=False))
        above = [row["benchmark"], f"{row['scenario']}-incremental"] if several else []
        axes.set_title("\n".join([*above, row["label"]]), fontsize=9)
    rows = ceil(len(grid) / COLUMNS["r_matrices"])
    figure.colorbar(image, ax=list(grid), label="accuracy (test)", pad=0.02, aspect=14 * rows)
    return figure


FIGURES: Mapping[str, Callable[[Results], Figure]] = {
    "trade_off": trade_off,
    "r_matrices": r_matrices,
}


def completed(results: Results) -> pd.DataFrame:
    """Return the comparison, which must hold something."""
    table = comparison(results)
    if table.empty:
        raise RepertoireError("no complete trial to draw: run the sweep to its end first")
    return table


def test_accuracy(results: Results) -> pd.DataFrame:
    """Return the test cells of R of the trials that are compared."""
    kept = results.trials[
        (results.trials["phase"] == "evaluation") & (results.trials["status"] == "complete")
    ]
    cells = results.accuracy[results.accuracy["split"] == "test"]
    return cells.merge(kept[["sweep", "trial_id", "seed"]])


def canvas(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure and `count` axes of a size in inches, laid out in rows."""
    columns = min(count, columns)
    rows = ceil(count / columns)
    figure = Figure(figsize=(width * columns + 0.9, height * rows), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def title(setting: Sequence[object]) -> str:
    """Return a panel's title."""
    sweep, benchmark, scenario, num_tasks = setting
    return f"{benchmark}, {scenario}-incremental, {num_tasks} tasks (sweep {sweep})"


def scatter(axes: Axes, rows: pd.DataFrame, markers: Mapping[str, str]) -> PathCollection:
    """Draw a panel's points and name its axes."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("storage carried between tasks (kB)")
    axes.set_ylabel("training and consolidation (GFLOP)")
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    here: dict[tuple[float, float], int] = {}
    for row, place in zip(rows.to_dict("records"), places(rows), strict=True):
        inside = here[place] = here.get(place, -1) + 1
        drawn = axes.scatter(
            *place, c=[row["acc_mean"]], cmap=COLOURS, vmin=0, vmax=1, zorder=3 + inside,
            s=MARKER_AREA * 0.4**inside, marker=markers[row["method"]], edgecolors="black",
        )  # fmt: skip
    axes.margins(0.22, 0.2)
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        tick(axis, decades=log10(limits[1] / limits[0]))
    return drawn


def places(rows: pd.DataFrame) -> list[tuple[float, float]]:
    """Return where each configuration stands: kB, GFLOP."""
    return list(
        zip(rows["storage_bytes_mean"] / 1e3, rows["compute_flops_mean"] / 1e9, strict=True)
    )


def tick(axis: Axis, decades: float) -> None:
    """Put round numbers on a logarithmic axis, more of them where it is short."""
    subs = (1, 1.5, 2, 3, 4, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2.5 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(LogLocator(subs=()))


def place_labels(axes: Axes, rows: pd.DataFrame) -> None:
    """Write each place's label beside it, where it covers no marker and no other label.

    Configurations at one place share a label of several lines. A line joins a label to its marker
    where it stands off. One that finds no free place stands at the last one tried.
    """
    points = axes.transData.transform(places(rows))
    radius = MARKER_AREA**0.5 / 2 * DPI / 72
    taken = [Bbox.from_extents(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    labels: dict[tuple[float, float], list[str]] = {}
    for row, place in zip(rows.to_dict("records"), places(rows), strict=True):
        labels.setdefault(place, []).append(f"{row['label']}  ({row['acc_mean']:.2f})")
    for place, lines in labels.items():
        taken.append(place_label(axes, "\n".join(lines), place, taken))


def place_label(axes: Axes, text: str, place: tuple[float, float], taken: Sequence[Bbox]) -> Bbox:
    """Write a label and return the box it takes, in pixels."""
    label = axes.annotate(
        text, place, xytext=(0, 0), textcoords="offset points", fontsize=9, zorder=9
    )
    for dx, dy in OFFSETS:
        label.set_position((dx, dy))
        label.set_horizontalalignment("center" if dx == 0 else "left" if dx > 0 else "right")
        label.set_verticalalignment("center" if dy == 0 else "bottom" if dy > 0 else "top")
        box = label.get_window_extent()
        inside = axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max)
        if inside and not any(box.overlaps(other) for other in taken):
            break
    if max(abs(dx), abs(dy)) > OFFSETS[0][0]:
        line = {"arrowstyle": "-", "color": "0.55", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 5}
        axes.annotate("", place, xytext=(dx, dy), textcoords="offset points", arrowprops=line)
    return box


def heatmap(axes: Axes, r: pd.DataFrame) -> AxesImage:
    """Draw R, a row per number of tasks learned and a column per task."""
    colours = colormaps[COLOURS].with_extremes(bad=UNKNOWN)
    values = np.ma.masked_invalid(r.to_numpy())
    image = axes.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xlabel("task", fontsize=8)
    axes.set_ylabel("tasks learned", fontsize=8)
    axes.set_xticks(range(r.shape[1]), [str(task) for task in r.columns], fontsize=8)
    axes.set_yticks(range(r.shape[0]), [str(after) for after in r.index], fontsize=8)
    for (row, column), value in np.ndenumerate(r.to_numpy()):
        if r.shape[1] <= ANNOTATED_TASKS and np.isfinite(value):
            ink = "black" if value > 0.55 else "white"
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=6.5
            )
    steps = [(edge - 0.5, edge + 0.5) for edge in range(r.shape[1])]
    for edge, below in steps:
        axes.plot((edge, edge + 1), (below, below), color="white", linewidth=1.2)
        axes.plot((edge, edge), (below - 1, below), color="white", linewidth=1.2)
    return image


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a figure of a results folder into a file."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.figures", description=main.__doc__)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a results folder")
    parser.add_argument("file", type=Path, metavar="FILE.png", help="where to; .svg and .pdf too")
    parser.add_argument("--figure", choices=sorted(FIGURES), default="trade_off")
    given = parser.parse_args(arguments)
    given.file.parent.mkdir(parents=True, exist_ok=True)
    FIGURES[given.figure](load(given.dir)).savefig(given.file, dpi=DPI)


if __name__ == "__main__":
    try:
        main()
    except RepertoireError as error:
        sys.exit(f"figures: {error}")
