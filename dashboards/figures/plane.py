"""The figure of the trade-off: storage against computation, with ACC as colour and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import log10

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from dashboards.figures.canvas import DPI, create_axes, set_log_ticks, split_tables
from orchestrator.results.colours import COLOURS

COLUMNS = 2
MARKERS = "osD^vP*Xhp"
MARKER_AREA = 110.0  # points squared
PANEL_WIDTH, PANEL_HEIGHT, CROWDED = 4.9, 3.7, 6  # inches; points in a panel of this size
# Places of a label around its marker: directions, and distances in points, nearest first.
DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.7, 0.8), (-0.7, 0.8)),
    *((0.7, -0.8), (-0.7, -0.8), (0.0, 1.0), (0.0, -1.0)),
)
OFFSETS = tuple(
    (dx * reach, dy * reach) for reach in (9, 15, 24, 36, 50, 68, 90) for dx, dy in DIRECTIONS
)


def trade_off(table: pd.DataFrame) -> Figure:
    """Draw storage against computation of each configuration, with ACC as colour.

    Each table of comparable rows has a panel. The shape of a marker tells the method, its label the
    configuration and ACC. Markers at the same place are drawn inside each other.

    Args:
        table: rows of `orchestrator.results.comparison.comparison`, at least one.
    """
    panels = split_tables(table)
    room = max(1.0, max(len(rows) for _, rows in panels) / CROWDED) ** 0.5
    size = (PANEL_WIDTH * room, PANEL_HEIGHT * room)
    figure, grid = create_axes(len(panels), COLUMNS, *size)
    markers = dict(zip(dict.fromkeys(table["method"]), cycle(MARKERS), strict=False))
    points = [scatter(axes, rows, markers) for axes, (_, rows) in zip(grid, panels, strict=True)]
    for axes, (title, _) in zip(grid, panels, strict=True):
        axes.set_title(title, fontsize=10)
    figure.colorbar(points[0], ax=list(grid), label="ACC after the last task (test)", pad=0.02)
    figure.draw_without_rendering()  # computes the layout, which labels need
    for axes, (_, rows) in zip(grid, panels, strict=True):
        place_labels(axes, rows)
    return figure


def scatter(axes: Axes, rows: pd.DataFrame, markers: Mapping[str, str]) -> PathCollection:
    """Draw the points of a panel and the titles of its axes."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("storage carried between tasks (kB)")
    axes.set_ylabel("training and consolidation (GFLOP)")
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    depth_at: dict[tuple[float, float], int] = {}
    for row, place in zip(rows.to_dict("records"), point_positions(rows), strict=True):
        depth = depth_at[place] = depth_at.get(place, -1) + 1
        markers_drawn = axes.scatter(
            *place,
            c=[row["acc_mean"]],
            cmap=COLOURS,
            vmin=0,
            vmax=1,
            zorder=3 + depth,
            s=MARKER_AREA * 0.4**depth,
            marker=markers[row["method"]],
            edgecolors="black",
        )
    axes.margins(0.22, 0.2)
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        set_log_ticks(axis, decades=log10(limits[1] / limits[0]))
    return markers_drawn


def point_positions(rows: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the position of each configuration: kB, GFLOP."""
    return list(
        zip(rows["storage_bytes_mean"] / 1e3, rows["compute_flops_mean"] / 1e9, strict=True)
    )


def place_labels(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a label beside each point, where it covers no marker and no other label.

    Configurations at one place share a label of several lines. A line joins a distant label to its
    marker. A label without a free place is at the last place tried.
    """
    points = axes.transData.transform(point_positions(rows))
    radius = MARKER_AREA**0.5 / 2 * DPI / 72
    taken = [Bbox.from_extents(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    labels: dict[tuple[float, float], list[str]] = {}
    for row, place in zip(rows.to_dict("records"), point_positions(rows), strict=True):
        labels.setdefault(place, []).append(f"{row['label']}  ({row['acc_mean']:.2f})")
    for place, lines in labels.items():
        taken.append(place_label(axes, "\n".join(lines), place, taken))


def place_label(axes: Axes, text: str, place: tuple[float, float], taken: Sequence[Bbox]) -> Bbox:
    """Draw a label; return its box in pixels."""
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
