"""The cells of R that a metric adds and those that it subtracts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from orchestrator.results.metrics import R

CellPlace = tuple[int, int]
AIA = "average_incremental_accuracy"


def metric_cells(r: R, metric: str) -> dict[CellPlace, int]:
    """Return the cells (after, task) that a metric adds (1) and subtracts (-1).

    The metric is the sum of the signed cells divided by the number of added cells; average
    incremental accuracy is the mean over rows of the mean of a row's cells. A metric that is not in
    `CELLS` has none.

    Args:
        r: shape [T+1, T].
        metric: "acc", "bwt", ...
    """
    if metric not in CELLS:
        return {}
    added, subtracted = CELLS[metric](r)
    return dict.fromkeys(added, 1) | dict.fromkeys(subtracted, -1)


def _final_cells(r: R, tasks: range) -> list[CellPlace]:
    """Return the cells of tasks after the last."""
    return [(r.shape[1], task) for task in tasks]


def _diagonal_cells(tasks: range) -> list[CellPlace]:
    """Return the cells of tasks when just learned."""
    return [(task, task) for task in tasks]


def _all_tasks(r: R) -> range:
    return range(1, r.shape[1] + 1)


def _earlier_tasks(r: R) -> range:
    """Return all tasks but the last."""
    return range(1, r.shape[1])


def _fwt(r: R) -> tuple[list[CellPlace], list[CellPlace]]:
    later = _all_tasks(r)[1:]
    return [(task - 1, task) for task in later], [(0, task) for task in later]


def _forgetting(r: R) -> tuple[list[CellPlace], list[CellPlace]]:
    return [_best_cell(r, task) for task in _earlier_tasks(r)], _final_cells(r, _earlier_tasks(r))


def _best_cell(r: R, task: int) -> CellPlace:
    """Return the cell of the best accuracy on a task, before the last task was learned."""
    accuracies = r[task:-1, task - 1]
    return (task + (int(np.nanargmax(accuracies)) if np.isfinite(accuracies).any() else 0), task)


# Metric -> its added and its subtracted cells.
CELLS: Mapping[str, Callable[[R], tuple[Iterable[CellPlace], Iterable[CellPlace]]]] = {
    "acc": lambda r: (_final_cells(r, _all_tasks(r)), ()),
    AIA: lambda r: ([(after, task) for after in _all_tasks(r) for task in range(1, after + 1)], ()),
    "learning_accuracy": lambda r: (_diagonal_cells(_all_tasks(r)), ()),
    "bwt": lambda r: (_final_cells(r, _earlier_tasks(r)), _diagonal_cells(_earlier_tasks(r))),
    "fwt": _fwt,
    "forgetting": _forgetting,
}
