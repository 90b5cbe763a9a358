"""R as an array, built from its cells; nothing else does so."""

from __future__ import annotations

from typing import Any

import numpy as np

from orchestrator.results.metrics import R


def build_r(after: Any, task: Any, accuracy: Any, num_tasks: int) -> R:
    """Return R [T+1, T] from its cells; NaN where a cell is missing, other cells left out.

    Args:
        after: number of tasks learned, 0..T, of each cell.
        task: 1..T, of each cell.
        accuracy: 0 to 1, of each cell; None or NaN if it was not measured.
        num_tasks: T.
    """
    r = np.full((int(num_tasks) + 1, int(num_tasks)), np.nan)
    row, column = np.asarray(after, dtype=np.int64), np.asarray(task, dtype=np.int64) - 1
    inside = (row >= 0) & (row < len(r)) & (column >= 0) & (column < r.shape[1])
    r[row[inside], column[inside]] = np.asarray(accuracy, dtype=np.float64)[inside]
    return r
