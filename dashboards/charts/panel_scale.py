"""The scale of a panel of a metric against a cost: values to pixels, for the places of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.results.intervals import Floats

# Labels are placed for panels of this size in pixels, the smallest, and for multiples of its width
# and height: a report and a dashboard on 800 and 1280 pixels, with a legend and without, and paper.
NARROW_WIDTH, NARROW_HEIGHT = 260, 394
SHOWN_SIZES = ((1.0, 1.0), (1.6, 1.0), (1.3, 1.07), (1.0, 1.145), (1.6, 1.145))


@dataclass(frozen=True)
class PanelScale:
    """The scale of a panel.

    Attributes:
        cost: quantity of the horizontal, logarithmic axis.
        metric: quantity of the vertical axis.
        exponents: ends of the horizontal axis.
        limits: ends of the vertical axis.
    """

    cost: str
    metric: str
    exponents: Sequence[float]
    limits: Sequence[float]

    def pixels(self, values: Floats) -> Floats:
        """Return the places, from the lower left, of pairs of cost and metric [N, 2]."""
        low = np.array([self.exponents[0], self.limits[0]])
        high = np.array([self.exponents[1], self.limits[1]])
        cost = values[:, 0]
        left = np.full(len(cost), low[0])  # of a cost that is 0, and is not drawn
        x = np.log10(cost, where=cost > 0, out=left)
        places = np.stack([x, values[:, 1]], axis=1)
        return np.asarray((places - low) / (high - low) * [NARROW_WIDTH, NARROW_HEIGHT])

    def bars(self, rows: pd.DataFrame) -> Floats:
        """Return the boxes of the intervals of both: left, bottom, right, top [2 N, 4]."""
        names = (self.cost, self.metric)
        means = rows[[f"{name}_mean" for name in names]].to_numpy(float)
        spread = np.stack([half_widths(rows, name) for name in names], axis=1)
        halves = (spread * [1, 0], spread * [0, 1])
        ends = [(self.pixels(means - half), self.pixels(means + half)) for half in halves]
        return np.vstack([thin_boxes(*pair) for pair in ends])

    def steps(self, corners: Floats) -> Floats:
        """Return the boxes of the lines of a staircase [K, 4], given its corners."""
        corners = self.pixels(corners)
        start, end = corners[:-1], corners[1:]
        turn = np.stack([end[:, 0], start[:, 1]], axis=1)
        return np.vstack([thin_boxes(start, turn), thin_boxes(turn, end)])


def thin_boxes(ends: Floats, others: Floats) -> Floats:
    """Return the boxes of vertical or horizontal lines, a pixel wider on each side [N, 4]."""
    return np.hstack([np.minimum(ends, others) - 1, np.maximum(ends, others) + 1])


def half_widths(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    """Return half the width of each interval; 0 without one."""
    if f"{name}_ci95" not in rows:
        return pd.Series(0.0, rows.index)
    return rows[f"{name}_ci95"].astype(float).fillna(0.0)
