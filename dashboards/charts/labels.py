"""Places of labels beside points and at the ends of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from orchestrator.results.intervals import Floats

# Directions from a point to its label, and free space between them in pixels, nearest first.
DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.7, 0.8), (-0.7, 0.8)),
    *((0.7, -0.8), (-0.7, -0.8), (0.0, 1.0), (0.0, -1.0)),
)
REACHES = (9.0, 15.0, 24.0, 36.0, 50.0, 68.0, 90.0, 120.0)
STEP = 15.0  # pixels between the places that are tried all over a crowded panel
# In a crowded panel: how far a label may stand, in pixels, and how many boxes it may cover.
FARTHEST, MOST_COVERED = 36.0, 2
OUTSIDE = 1e6  # boxes that a place outside of the panel is worse than
OTHER_LABEL = 1e3  # boxes that a place on another label, where neither can be read, is worse than
OTHER_POINT = 3.0  # boxes that a place nearer to the point of another label is worse than
ROUNDING = 1e-6  # pixels
MARKER = 6.0  # half the width of a marker, in pixels


def place_labels(
    points: Floats,
    sizes: Floats,
    panel: Sequence[float],
    bars: Floats | None = None,
    required: int | None = None,
) -> Floats:
    """Return the offset of the centre of each label from its point [N, 2].

    A label covers no point, no bar and no other label, is nearest to its own of the points with a
    label, and does not leave the panel. A label without such a place goes where it covers the
    fewest labels, and of those the fewest others. One that leaves the panel wherever it is beside
    its point may stand anywhere.

    In a crowded panel a label is left out if it would cover a label: its offset is NaN. A required
    one may stand anywhere, for a line leads to its point; the others are left out too if they would
    cover more than MOST_COVERED boxes, or stand farther than FARTHEST from their points.

    Args:
        points: [N, 2] or more rows, those without a label last; in pixels from the lower left.
        sizes: width and height of each label [N, 2].
        panel: its width and height.
        bars: boxes to keep free, left, bottom, right and top [K, 4].
        required: of a crowded panel, how many of the first labels are required; None of another.
    """
    taken = np.hstack([points - MARKER, points + MARKER])
    taken = np.vstack([taken, *([] if bars is None else [bars])])
    chosen, labels = np.full((len(sizes), 2), np.nan), np.empty((0, 4))
    for i, (point, size) in enumerate(zip(points[: len(sizes)], sizes, strict=True)):
        offsets, most = label_places(point, size, panel, required is None, i < (required or 0))
        boxes = np.hstack([point + offsets - size / 2, point + offsets + size / 2])
        covered = count_covered(boxes, taken) + OTHER_LABEL * count_covered(boxes, labels)
        covered += OTHER_POINT * count_nearer(boxes, points[: len(sizes)], i)
        covered += OUTSIDE * leaves_panel(boxes, panel)
        best = int(np.argmin(covered))
        if covered[best] <= most:
            chosen[i] = offsets[best]
            labels = np.vstack([labels, boxes[best]])
    return chosen


def label_places(
    point: Floats, size: Floats, panel: Sequence[float], alone: bool, is_required: bool
) -> tuple[Floats, float]:
    """Return the offsets to try for a label [N, 2], and how many boxes it may cover.

    Args:
        point: its point.
        size: its width and height.
        panel: the size of the panel.
        alone: whether the panel is not crowded.
        is_required: of a crowded panel, whether the label is required.
    """
    width, height = map(float, size)
    if not (alone or is_required):
        return np.array(list(label_offsets(width, height, FARTHEST))), MOST_COVERED
    near, most = np.array(list(label_offsets(width, height))), np.inf if alone else OTHER_LABEL - 1
    boxes = np.hstack([point + near - size / 2, point + near + size / 2])
    if alone and not leaves_panel(boxes, panel).all():
        return near, most
    sides = (np.arange(half, end - half, STEP) for half, end in zip(size / 2, panel, strict=True))
    anywhere = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2) - point
    anywhere = anywhere[np.argsort(np.hypot(*anywhere.T), kind="stable")]
    return np.vstack([near, anywhere]), most


def count_covered(boxes: Floats, taken: Floats) -> Floats:
    """Return the number of taken boxes that each box overlaps [N]."""
    apart = (boxes[:, None, :2] >= taken[:, 2:]) | (boxes[:, None, 2:] <= taken[:, :2])
    return np.asarray((~apart.any(axis=2)).sum(axis=1), dtype=float)


def count_nearer(boxes: Floats, points: Floats, own: int) -> Floats:
    """Return the number of points that are nearer to each box than its own one is [N]."""
    nearest = np.clip(points, boxes[:, None, :2], boxes[:, None, 2:])
    distances = np.linalg.norm(points - nearest, axis=2)
    return np.asarray((distances < distances[:, [own]] - ROUNDING).sum(axis=1), dtype=float)


def leaves_panel(boxes: Floats, panel: Sequence[float]) -> Floats:
    """Return 1 for each box that is not inside a panel of this width and height, else 0 [N]."""
    low, high = boxes[:, :2] + ROUNDING, boxes[:, 2:] - ROUNDING
    outside = (low < 0).any(axis=1) | (high > panel).any(axis=1)
    return outside.astype(float)


def label_offsets(
    width: float, height: float, farthest: float = np.inf
) -> Iterator[tuple[float, float]]:
    """Yield offsets of the centre of a label of a size from its point, nearest first."""
    for reach in (reach for reach in REACHES if reach <= farthest):
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
