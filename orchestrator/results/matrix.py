"""The matrix R, built from its rows or cells: the only place that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.results.metrics import R


def r_of_rows(rows: Sequence[Sequence[float | None]], num_tasks: int) -> R:
    """Return R, shape [T+1, T], given its first rows; NaN below them and where one has None."""
    r = np.full((num_tasks + 1, num_tasks), np.nan)
    r[: len(rows)] = np.asarray(rows, dtype=np.float64)
    return r


def r_of_cells(
    after: Sequence[int] | Any, task: Sequence[int] | Any, accuracy: Any, num_tasks: int
) -> R:
    """Return R, shape [T+1, T], given its cells; NaN where there is none.

    Args:
        after: tasks learned, 0..T, of each cell.
        task: 1..T.
        accuracy: 0 to 1; None or NaN where it was not measured.
        num_tasks: T.
    """
    one = np.zeros(len(after), dtype=np.int64)
    r: R = r_of_seeds(one, after, task, accuracy, 1, num_tasks)[0]
    return r


def r_of_seeds(
    seed: Any, after: Any, task: Any, accuracy: Any, num_seeds: int, num_tasks: int
) -> NDArray[np.float64]:
    """Return R of each seed, shape [S, T+1, T], given the cells of all of them.

    Args:
        seed: position 0..S-1 of the seed of each cell.
        after: tasks learned, 0..T, of each cell.
        task: 1..T.
        accuracy: 0 to 1; None or NaN where it was not measured.
        num_seeds: S.
        num_tasks: T.
    """
    r = np.full((num_seeds, int(num_tasks) + 1, int(num_tasks)), np.nan)
    places = [np.asarray(column, dtype=np.int64) for column in (seed, after, task)]
    r[places[0], places[1], places[2] - 1] = np.asarray(accuracy, dtype=np.float64)
    return r
