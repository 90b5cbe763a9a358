"""Places of labels beside points and at the ends of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from orchestrator.results.statistics import Floats

LONGEST = 28  # characters of a label in a drawing; the hover text has the whole name
# Directions from a point to its label, and free space between them in pixels, nearest first.
DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.7, 0.8), (-0.7, 0.8)),
    *((0.7, -0.8), (-0.7, -0.8), (0.0, 1.0), (0.0, -1.0)),
)
REACHES = (9.0, 15.0, 24.0, 36.0, 50.0, 68.0, 90.0, 120.0)
MARKER = 6.0  # half the width of a marker, in pixels


def shorten(text: object, most: int = LONGEST) -> str:
    """Return a text with its middle left out if it is longer than `most` characters."""
    whole = str(text)
    tail = most // 3
    return whole if len(whole) <= most else f"{whole[: most - tail - 1]}…{whole[-tail:]}"


def place_labels(
    points: Floats, sizes: Floats, panel: Sequence[float], bars: Floats | None = None
) -> Floats:
    """Return the offset of the centre of each label from its point [N, 2].

    A label covers no point, no bar and no other label, and does not leave the panel. One without
    such a place is at the last place tried.

    Args:
        points: [N, 2] or more rows, those without a label last; in pixels from the lower left.
        sizes: width and height of each label [N, 2].
        panel: its width and height.
        bars: boxes to keep free, left, bottom, right and top [K, 4].
    """
    taken = np.hstack([points - MARKER, points + MARKER])
    taken = np.vstack([taken, *([] if bars is None else [bars])])
    chosen = np.empty((len(sizes), 2))
    for i, (point, size) in enumerate(zip(points[: len(sizes)], sizes, strict=True)):
        for chosen[i] in label_offsets(*size):
            low, high = point + chosen[i] - size / 2, point + chosen[i] + size / 2
            inside = (low >= 0).all() and (high <= panel).all()
            if inside and not ((low < taken[:, 2:]) & (high > taken[:, :2])).all(axis=1).any():
                break
        taken = np.vstack([taken, np.hstack([low, high])])
    return chosen


def label_offsets(width: float, height: float) -> Iterator[tuple[float, float]]:
    """Yield offsets of the centre of a label of a size from its point, nearest first."""
    for reach in REACHES:
        for dx, dy in DIRECTIONS:
            yield (
                dx * reach + np.sign(dx) * width / 2,
                dy * reach + np.sign(dy) * height / 2,
            )


def spread_labels(places: Floats, gap: float) -> Floats:
    """Return the nearest places, in least squares, that keep their order and a gap between them."""
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    moved = np.empty(len(places))
    if len(places):
        moved[order] = isotonic_regression(places[order] - steps).x + steps
    return moved
