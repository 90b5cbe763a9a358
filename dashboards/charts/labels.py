"""Places of labels beside points and at the ends of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from dashboards.charts.label_scene import MARKER, OTHER_LABEL, LabelScene
from orchestrator.results.intervals import Floats

# Directions from a point to its label, and free space between them in pixels, nearest first.
DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.7, 0.8), (-0.7, 0.8)),
    *((0.7, -0.8), (-0.7, -0.8), (0.0, 1.0), (0.0, -1.0)),
)
REACHES = (9.0, 15.0, 24.0, 36.0, 50.0, 68.0, 90.0, 120.0)
STEP = 15.0  # pixels between the places that are tried all over a panel
# In a crowded panel: how far a label may stand, in pixels, and how many boxes it may cover.
FARTHEST, MOST_COVERED = 36.0, 2
ROUNDS = 2  # of a panel that is not crowded: the second moves labels off what later ones took


def place_labels(
    points: Floats,
    sizes: Floats,
    panel: Sequence[float],
    bars: Floats | None = None,
    required: int | None = None,
    shown: Sequence[tuple[float, float]] = ((1.0, 1.0),),
) -> Floats:
    """Return the offset of the centre of each label from its point [N, 2].

    A label covers no point, no bar, no other label and no leader of one, is nearest to its own of
    the points with a label, and does not leave the panel. A label without such a place beside its
    point may stand anywhere, for a line leads to its point: where it covers the fewest labels, and
    of those the fewest others.

    In a crowded panel a label is left out if it would cover a label: its offset is NaN. A required
    one may stand anywhere; the others are left out too if they would cover more than MOST_COVERED
    boxes, or stand farther than FARTHEST from their points.

    Args:
        points: [N, 2] or more rows, those without a label last; in pixels from the lower left.
        sizes: width and height of each label [N, 2].
        panel: its width and height.
        bars: boxes to keep free, left, bottom, right and top [K, 4].
        required: of a crowded panel, how many of the first labels are required; None of another.
        shown: sizes in which the panel may be shown, multiples of its width and height; those of
            labels stay.
    """
    bars = np.empty((0, 4)) if bars is None else bars
    scenes = [
        make_scene(points * by, sizes, np.array(panel) * by, bars * np.tile(by, 2))
        for by in np.array(shown)
    ]
    chosen = np.full((len(sizes), 2), np.nan)
    for _ in range(ROUNDS if required is None else 1):
        for own in range(len(sizes)):
            is_required = required is None or own < required
            # On no other label in any size, unless the panel is not crowded.
            most = np.inf if required is None else OTHER_LABEL - 1
            most = most if is_required else MOST_COVERED
            if rate_places(scenes, own, chosen[[own]], chosen).any():
                chosen[own] = place_label(scenes, own, chosen, most)
    return chosen


def rate_places(scenes: Sequence[LabelScene], own: int, offsets: Floats, chosen: Floats) -> Floats:
    """Return the faults of a label in each size at each of several offsets [W, B]; see `faults`.

    A label without a place has NaN.
    """
    return np.stack([scene.faults(own, offsets, chosen) for scene in scenes])


def make_scene(points: Floats, sizes: Floats, panel: Floats, bars: Floats) -> LabelScene:
    """Return a panel with its markers."""
    markers = np.hstack([points - MARKER, points + MARKER])
    return LabelScene(points[: len(sizes)], sizes, markers, bars, panel)


def place_label(scenes: Sequence[LabelScene], own: int, chosen: Floats, most: float) -> Floats:
    """Return the offset of a label from its point; NaN if no place has few enough faults.

    Args:
        scenes: the panel in each of its sizes.
        own: the label.
        chosen: the offsets of the others [N, 2].
        most: faults that it may have; up to MOST_COVERED it does not stand far away.
    """
    width, height = map(float, scenes[0].sizes[own])
    near = np.array([*label_offsets(width, height, FARTHEST if most <= MOST_COVERED else np.inf)])
    offsets = near
    faults = rate_places(scenes, own, offsets, chosen)
    if most > MOST_COVERED and faults.mean(axis=0).min() > 0:
        offsets = np.vstack([near, far_offsets(scenes[0], own)])
        faults = rate_places(scenes, own, offsets, chosen)
    allowed = faults.max(axis=0) <= most
    if not allowed.any():
        return np.full(2, np.nan)
    best = np.argmin(np.where(allowed, faults.mean(axis=0), np.inf))
    return np.asarray(offsets[best])


def far_offsets(scene: LabelScene, own: int) -> Floats:
    """Return the offsets of a label to places all over its panel, nearest first [B, 2]."""
    half = scene.sizes[own] / 2
    sides = (np.arange(low, end - low, STEP) for low, end in zip(half, scene.panel, strict=True))
    offsets = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2) - scene.points[own]
    return np.asarray(offsets[np.argsort(np.hypot(*offsets.T), kind="stable")])


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
