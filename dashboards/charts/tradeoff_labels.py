"""Which points of the trade-off have bars and labels, and where the labels stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboards.charts.cost_axes import axis_value
from dashboards.charts.curve_marks import LABEL_LINE
from dashboards.charts.labels import place_labels
from dashboards.charts.panel_scale import NARROW_HEIGHT, NARROW_WIDTH, SHOWN_SIZES, PanelScale
from orchestrator.columns import is_small_better
from orchestrator.results.intervals import Floats
from orchestrator.results.pareto import front_mask

FEW = 20  # rows of a panel that are all marked
LETTER, LINE = 6.2, 15.0  # width and height of a letter of a label, in pixels


def is_few(rows: pd.DataFrame) -> bool:
    """Return whether a panel is small enough for all of its rows to have bars and labels."""
    return len(rows) <= FEW


def marked_rows(rows: pd.DataFrame, shown: tuple[str, str]) -> pd.DataFrame:
    """Return the rows with bars and a label: of many the best of each method, then the front.

    Args:
        rows: of a panel.
        shown: cost and metric, of whose means the front is.
    """
    names = [f"{name}_mean" for name in shown]
    drawn = rows[rows[names].notna().all(axis=1)]
    if is_few(rows):
        return drawn
    best = drawn.sort_values(names[1], ascending=is_small_better(shown[1]), kind="stable")
    best = best.drop_duplicates("method")
    front = drawn[front_mask(drawn[names], shown)]
    return pd.concat([best, front.drop(index=best.index, errors="ignore")])


def front_corners(rows: pd.DataFrame, shown: tuple[str, str]) -> Floats:
    """Return cost and metric of each row on the front of the means, and of its end [N + 1, 2]."""
    means = rows[[f"{name}_mean" for name in shown]]
    best = means[front_mask(means, shown)].sort_values(means.columns.to_list()).to_numpy(float)
    # To the dearest row: what is dearer than the last of the front is no better.
    end = [[means.iloc[:, 0].max(), best[-1, 1]]] if len(best) else np.empty((0, 2))
    return np.vstack([best, end])


def point_labels(
    rows: pd.DataFrame,
    marked: pd.DataFrame,
    quantities: tuple[str, str],
    limits: tuple[Sequence[float] | None, Sequence[float]],
) -> list[dict[str, Any]]:
    """Return the labels of the marked rows of a panel.

    `cells` is the width of a label in letters, `short` the label as Plotly takes it.
    Of many rows the best of each method has a label unless it would lie on another, and the others
    have one where there is room. Positions on a logarithmic axis are exponents.
    """
    exponents, heights = limits
    if exponents is None:
        return []
    # `place_labels` takes the points with a label first; the others are only kept free.
    ordered = pd.concat([marked, rows.drop(index=marked.index)])
    scale = PanelScale(*quantities, exponents, heights)
    barred = ordered if is_few(rows) else marked
    bars = np.vstack([scale.bars(barred), scale.steps(front_corners(rows, quantities))])
    points = scale.pixels(ordered[[f"{name}_mean" for name in quantities]].to_numpy(float))
    sizes = np.array([[LETTER * cells, LINE] for cells in marked["cells"]]).reshape(-1, 2)
    best = None if is_few(rows) else marked["method"].nunique()
    panel = (NARROW_WIDTH, NARROW_HEIGHT)
    offsets = place_labels(points, sizes, panel, bars, best, SHOWN_SIZES)
    texts = marked[["short", *(f"{name}_mean" for name in quantities)]].to_dict("records")
    return [
        point_label(row, quantities, offset)
        for row, offset in zip(texts, offsets, strict=True)
        if np.isfinite(offset).all()
    ]


def point_label(
    row: Mapping[Any, Any], quantities: tuple[str, str], offset: Sequence[float]
) -> dict[str, Any]:
    """Return the label of a row, with a line to its point from an offset in pixels."""
    cost, metric = quantities
    return {
        "x": axis_value(row[f"{cost}_mean"], cost),
        "y": row[f"{metric}_mean"],
        "text": row["short"],
        "ax": offset[0],
        "ay": -offset[1],
        "font": {"size": 11},
        **LABEL_LINE,
    }
