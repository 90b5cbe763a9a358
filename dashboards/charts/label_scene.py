"""What a label would cover in a panel of one width: points, bars, other labels, their leaders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.results.intervals import Floats

OUTSIDE = 1e6  # boxes that a place outside of the panel is worse than
OTHER_LABEL = 1e3  # boxes that a place on another label, where neither can be read, is worse than
# Boxes that a place near the point of another label, and farther from its own, is worse than.
OTHER_POINT, NEAR = 3.0, 40.0  # and the distance of the two, in pixels
# Boxes that a leader weighs which lies on the label of another, or on a marker.
LEADER, LEADER_ON_MARKER = 0.8, 0.1
# A point without a label, small and faint, weighs less; each pixel that a leader is longer than
# SHORT weighs, so that a label does not stand at the other end for little.
FAINT_POINT, PIXEL, SHORT = 0.3, 0.004, 50.0
ROUNDING = 1e-6  # pixels
MARKER = 6.0  # half the width of a marker, in pixels
# A leader is looked at in so many places, from beyond its own marker on, in pixels.
LEADER_PLACES, LEADER_START = 8, 1.5 * MARKER
STEPS = np.linspace(0, 1, LEADER_PLACES)[:, None]
Labels = int | NDArray[np.intp]  # one, or several


@dataclass(frozen=True)
class LabelScene:
    """A panel of one width, without its labels; places are in pixels from the lower left.

    Attributes:
        points: those that have a label [N, 2].
        sizes: width and height of each label [N, 2].
        markers: boxes of all markers, left, bottom, right and top [M, 4].
        bars: further boxes to keep free [K, 4].
        panel: width and height.
    """

    points: Floats
    sizes: Floats
    markers: Floats
    bars: Floats
    panel: Floats

    def boxes(self, own: Labels, offsets: Floats) -> Floats:
        """Return the boxes of a label at several offsets, or of several at one each [B, 4]."""
        centres, half = self.points[own] + offsets, self.sizes[own] / 2
        return np.hstack([centres - half, centres + half])

    def faults(self, own: int, offsets: Floats, chosen: Floats) -> Floats:
        """Return how many boxes a label would cover at each of several offsets, others weighted.

        Args:
            own: the label.
            offsets: from its point [B, 2].
            chosen: the offsets of the labels that have a place, NaN of the others [N, 2].
        """
        boxes, leaders = self.boxes(own, offsets), self.leaders(own, offsets)
        others, lines = self.placed(own, chosen)
        num = len(self.points)
        faults = count_covered(boxes, np.vstack([self.markers[:num], self.bars]))
        faults += FAINT_POINT * count_covered(boxes, self.markers[num:])
        faults += PIXEL * np.clip(np.hypot(*offsets.T) - self.sizes[own].max() / 2 - SHORT, 0, None)
        faults += OTHER_LABEL * count_covered(boxes, others)
        faults += OTHER_POINT * count_nearer(boxes, self.points, own)
        faults += OUTSIDE * leaves_panel(boxes, self.panel)
        faults += LEADER * count_crossed(leaders, others)
        faults += LEADER_ON_MARKER * count_crossed(leaders, self.markers)
        return faults + LEADER * count_crossed(lines, boxes, each_box=True)

    def placed(self, own: int, chosen: Floats) -> tuple[Floats, Floats]:
        """Return the boxes [L, 4] and the leaders [L, P, 2] of the other labels with a place."""
        others = np.flatnonzero(np.isfinite(chosen[:, 0]) & (np.arange(len(chosen)) != own))
        return self.boxes(others, chosen[others]), self.leaders(others, chosen[others])

    def leaders(self, own: Labels, offsets: Floats) -> Floats:
        """Return places along the leader at each offset, or of several labels at one [B, P, 2].

        They are NaN where the label is so near that there is no line.
        """
        lengths = np.hypot(*offsets.T)
        with np.errstate(divide="ignore"):
            inside = (self.sizes[own] / 2 / np.abs(offsets)).min(axis=1)
        ends = (1 - inside) * lengths
        ends[ends <= LEADER_START] = np.nan
        shares = (LEADER_START + (ends - LEADER_START) * STEPS) / lengths
        starts = np.atleast_2d(self.points[own])[:, None]
        return np.asarray(starts + shares.T[:, :, None] * offsets[:, None])


def count_covered(boxes: Floats, taken: Floats) -> Floats:
    """Return the number of taken boxes that each box overlaps [N]."""
    apart = (boxes[:, None, :2] >= taken[:, 2:]) | (boxes[:, None, 2:] <= taken[:, :2])
    return np.asarray((~apart.any(axis=2)).sum(axis=1), dtype=float)


def count_crossed(leaders: Floats, boxes: Floats, each_box: bool = False) -> Floats:
    """Return the number of boxes that each leader crosses; or of leaders, for each box.

    Args:
        leaders: places along each [B, P, 2].
        boxes: left, bottom, right and top [K, 4].
        each_box: whether to return a number for each box.
    """
    inside = np.ones((len(leaders), len(boxes), LEADER_PLACES), dtype=bool)
    for axis in (0, 1):
        places = leaders[:, None, :, axis]
        inside &= (places >= boxes[:, None, axis]) & (places <= boxes[:, None, axis + 2])
    crossed = inside.any(axis=2)
    return np.asarray(crossed.sum(axis=0 if each_box else 1), dtype=float)


def count_nearer(boxes: Floats, points: Floats, own: int) -> Floats:
    """Return the number of points that are near to each box, and nearer than its own one [N]."""
    nearest = np.clip(points, boxes[:, None, :2], boxes[:, None, 2:])
    distances = np.linalg.norm(points - nearest, axis=2)
    nearer = (distances < distances[:, [own]] - ROUNDING) & (distances < NEAR)
    return np.asarray(nearer.sum(axis=1), dtype=float)


def leaves_panel(boxes: Floats, panel: Floats | Sequence[float]) -> Floats:
    """Return 1 for each box that is not inside a panel of this width and height, else 0 [N]."""
    low, high = boxes[:, :2] + ROUNDING, boxes[:, 2:] - ROUNDING
    outside = (low < 0).any(axis=1) | (high > panel).any(axis=1)
    return outside.astype(float)
