"""The figure of the plane of costs: storage against computation, with ACC as colour and labels."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from math import log10

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from dashboards.figures.canvas import create_axes, set_log_ticks, split_tables
from dashboards.figures.labels import draw_labels
from orchestrator.columns import COLUMNS
from orchestrator.results.colours import COLOUR_MAP
from orchestrator.results.units import decimal_text

ACROSS = 2  # panels
CARRIED, COMPUTED = COLUMNS["storage_bytes"], COLUMNS["compute_flops"]
MARKERS = "osD^vP*Xhp"
MARKER_AREA = 110.0  # points squared
LABEL_MARGIN = 5.0  # points
PANEL_WIDTH, PANEL_HEIGHT, CROWDED = 4.9, 3.7, 6  # inches; points in a panel of this size


def cost_plane(table: pd.DataFrame) -> Figure:
    """Draw storage against computation of each configuration, with ACC as colour.

    Each table of comparable rows has a panel. The shape of a marker tells the method, its label the
    configuration and ACC. Markers at the same place are drawn inside each other.

    Args:
        table: rows of `orchestrator.results.comparison.comparison`, at least one.
    """
    panels = split_tables(table)
    room = max(1.0, max(len(rows) for _, rows in panels) / CROWDED) ** 0.5
    size = (PANEL_WIDTH * room, PANEL_HEIGHT * room)
    figure, grid = create_axes(len(panels), ACROSS, *size)
    markers = dict(zip(dict.fromkeys(table["method"]), cycle(MARKERS), strict=False))
    points = [scatter(axes, rows, markers) for axes, (_, rows) in zip(grid, panels, strict=True)]
    for axes, (title, _) in zip(grid, panels, strict=True):
        axes.set_title(title, fontsize=10)
    figure.colorbar(points[0], ax=list(grid), label="ACC after the last task (test)", pad=0.02)
    figure.draw_without_rendering()  # computes the layout, which labels need
    for axes, (_, rows) in zip(grid, panels, strict=True):
        label_points(axes, rows)
    return figure


def scatter(axes: Axes, rows: pd.DataFrame, markers: Mapping[str, str]) -> PathCollection:
    """Draw the points of a panel and the titles of its axes."""
    _prepare_axes(axes)
    depth_at: dict[tuple[float, float], int] = {}
    for row, place in zip(rows.to_dict("records"), point_positions(rows), strict=True):
        depth = depth_at[place] = depth_at.get(place, -1) + 1
        markers_drawn = axes.scatter(
            *place,
            c=[row["acc_mean"]],
            cmap=COLOUR_MAP,
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


def _prepare_axes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(CARRIED.title(CARRIED.words))
    axes.set_ylabel(COMPUTED.title(COMPUTED.words))
    axes.grid(True, which="major", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def point_positions(rows: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the position of each configuration, in the units of the axes."""
    x, y = (rows[f"{cost.name}_mean"] / cost.scale for cost in (CARRIED, COMPUTED))
    return list(zip(x, y, strict=True))


def label_points(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a label beside each point; configurations at one place share one of several lines."""
    labels: dict[tuple[float, float], list[str]] = {}
    for row, place in zip(rows.to_dict("records"), point_positions(rows), strict=True):
        labels.setdefault(place, []).append(f"{row['label']}  ({decimal_text(row['acc_mean'])})")
    texts = ["\n".join(lines) for lines in labels.values()]
    draw_labels(axes, texts, list(labels), margin=LABEL_MARGIN)
