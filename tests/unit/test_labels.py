"""Labels of the trade-off cover nothing where there is room, whatever the size of the panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboards import charts
from dashboards.charts.panel_scale import NARROW_HEIGHT, NARROW_WIDTH, SHOWN_SIZES
from dashboards.charts.tradeoff_labels import LETTER, LINE

pytestmark = [pytest.mark.pages]

Boxes = np.ndarray[Any, np.dtype[np.float64]]


def methods(num: int, seed: int) -> pd.DataFrame:
    """Return rows of the comparison with random means and intervals of both quantities."""
    rng = np.random.default_rng(seed)
    names = [f"method {i}" for i in range(num)]
    costs = 10 ** rng.uniform(4, 6, num)
    return pd.DataFrame(
        {
            **{name: names for name in ("method", "label", "trial_id")},
            "n": 3,
            "acc_mean": rng.uniform(0.2, 0.9, num),
            "acc_ci95": rng.uniform(0.01, 0.08, num),
            "storage_bytes_mean": costs,
            "storage_bytes_ci95": costs * rng.uniform(0, 0.2, num),
            "compute_flops_mean": costs,
            "compute_flops_ci95": 0.0,
        }
    )


def label_boxes(figure: Any, size: Boxes) -> Boxes:
    """Return left, bottom, right and top of each label in a panel of a size, in pixels [N, 4]."""
    notes = figure.layout.annotations
    places = pixels(figure, size, [note.x for note in notes], [note.y for note in notes])
    centres = places + np.array([(note.ax, -note.ay) for note in notes])
    half = np.array([(LETTER * len(note.text), LINE) for note in notes]) / 2
    return np.hstack([centres - half, centres + half])


def pixels(figure: Any, size: Boxes, exponents: Any, heights: Any) -> Boxes:
    """Return places from the lower left of the panel [N, 2]."""
    low, high = zip(figure.layout.xaxis.range, figure.layout.yaxis.range, strict=True)
    places = np.stack([exponents, heights], axis=1)
    return (places - low) / np.subtract(high, low) * size


def drawn_boxes(figure: Any, rows: pd.DataFrame, size: Boxes) -> Boxes:
    """Return the boxes of the markers and of the intervals in both directions [3 N, 4]."""
    x, y = rows["storage_bytes_mean"], rows["acc_mean"]
    across, up = rows["storage_bytes_ci95"], rows["acc_ci95"]
    points = pixels(figure, size, np.log10(x), y)
    ends = [pixels(figure, size, np.log10(x + side * across), y + side * 0) for side in (-1, 1)] + [
        pixels(figure, size, np.log10(x), y + side * up) for side in (-1, 1)
    ]
    return np.vstack(
        [np.hstack([points - 5, points + 5]), np.hstack(ends[:2]), np.hstack(ends[2:])]
    )


def overlaps(boxes: Boxes, others: Boxes) -> Boxes:
    """Return which boxes have a point in common with which others [N, K]."""
    apart = (boxes[:, None, :2] >= others[:, 2:]) | (boxes[:, None, 2:] <= others[:, :2])
    return ~apart.any(axis=2)


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_twelve_methods_cover_no_point_no_bar_and_no_label(seed: int) -> None:
    rows = methods(12, seed)
    figure = charts.trade_off(rows, costs=["storage_bytes"])
    assert len(figure.layout.annotations) == 12
    for size in np.array([NARROW_WIDTH, NARROW_HEIGHT]) * SHOWN_SIZES:
        boxes = label_boxes(figure, size)
        assert not overlaps(boxes, drawn_boxes(figure, rows, size)).any()
        assert (overlaps(boxes, boxes) == np.eye(12, dtype=bool)).all()


def test_labels_of_forty_methods_lie_on_no_other_label_in_any_size() -> None:
    rows = methods(40, 0)
    figure = charts.trade_off(rows, costs=["storage_bytes"])
    num = len(figure.layout.annotations)
    assert num >= 20
    for size in np.array([NARROW_WIDTH, NARROW_HEIGHT]) * SHOWN_SIZES:
        boxes = label_boxes(figure, size)
        assert (overlaps(boxes, boxes) == np.eye(num, dtype=bool)).all()
