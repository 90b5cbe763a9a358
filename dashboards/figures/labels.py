"""Labels beside the points of a figure, which cover no point, no bar and no other label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from dashboards.charts.labels import REACHES, place_labels
from dashboards.figures.canvas import DPI
from orchestrator.results.intervals import Floats

SIZE = 8.5  # of the font, in points


def draw_labels(  # noqa: PLR0913 - what they must not cover
    axes: Axes,
    texts: Sequence[str],
    places: Sequence[tuple[float, float]],
    bars: Floats | None = None,
    others: Sequence[tuple[float, float]] = (),
    margin: float = 0.0,
    required: int = 0,
) -> None:
    """Draw a label beside each place, with a line to a distant one. The layout must be computed.

    Args:
        axes: where to draw.
        texts: of the labels.
        places: the points that they are of, in data coordinates.
        bars: boxes to keep free, left, bottom, right and top in data coordinates [K, 4].
        others: further points to keep free; labels without room among them are left out.
        margin: free space around a label that markers of more than the usual size need, in points.
        required: how many of the first labels are left out only where they would lie on another.
    """
    if not texts:
        return
    corner = np.array(axes.bbox.min)
    points = axes.transData.transform([*places, *others]) - corner
    labels = [write_label(axes, text, place) for text, place in zip(texts, places, strict=True)]
    sizes = np.array([label.get_window_extent().size for label in labels])
    boxes = None if bars is None else pixel_boxes(axes, bars) - np.tile(corner, 2)
    room = sizes + 2 * margin * DPI / 72
    kept = required if len(others) else None
    offsets = place_labels(points, room, tuple(axes.bbox.size), boxes, kept)
    for label, place, size, offset in zip(labels, places, room, offsets, strict=True):
        if not np.isfinite(offset).all():
            label.remove()
            continue
        label.set_position(tuple(offset * 72 / DPI))
        if (np.abs(offset) - size / 2).max() > REACHES[0]:
            draw_leader(axes, place, offset)


def write_label(axes: Axes, text: str, place: tuple[float, float]) -> Annotation:
    """Write a label in the middle of its place."""
    return axes.annotate(
        text,
        place,
        xytext=(0, 0),
        textcoords="offset points",
        fontsize=SIZE,
        zorder=9,
        ha="center",
        va="center",
    )


def draw_leader(axes: Axes, place: tuple[float, float], offset: Floats) -> None:
    """Draw the line from a point to its label, which stands before it."""
    axes.annotate(
        "",
        place,
        xytext=tuple(offset * 72 / DPI),
        textcoords="offset points",
        zorder=2,
        arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkA": 8},
    )


def pixel_boxes(axes: Axes, boxes: Floats) -> Floats:
    """Return boxes in pixels, a pixel wider on each side [K, 4]."""
    low, high = (axes.transData.transform(boxes[:, side]) for side in ([0, 1], [2, 3]))
    return np.hstack([low - 1, high + 1])
