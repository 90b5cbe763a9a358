"""The frames that figures and the report are drawn from: what is compared, and its accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dashboards.data.comparing import configurations
from dashboards.data.matrices import curves
from dashboards.data.warehouse import Warehouse
from orchestrator.errors import RepertoireError
from orchestrator.results.comparison import with_front
from orchestrator.results.contrasts import with_differences
from orchestrator.results.matrix import r_of_cells
from orchestrator.results.metrics import R


def opened(folders: Sequence[Path]) -> Warehouse:
    """Open results folders.

    Raises:
        RepertoireError: none of them holds a sweep; says what to do.
    """
    warehouse = Warehouse.open(*folders)
    if not warehouse.folders:
        raise RepertoireError("; ".join(warehouse.notes).replace("`", "").rstrip("."))
    return warehouse


def compared(warehouse: Warehouse) -> pd.DataFrame:
    """Return a row per configuration with a complete trial, `front` among its columns.

    The columns are those of `dashboards.data.comparing.configurations`, and those of differences
    from the best row of each table.
    """
    return with_front(with_differences(warehouse.results, configurations(warehouse)))


def accuracies(warehouse: Warehouse, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each task after each number of tasks, of some configurations.

    The columns are those of `dashboards.data.matrices.curves`, in the order of the rows.
    """
    return curves(warehouse, rows)


def matrix(curves: pd.DataFrame) -> R:
    """Return R of one configuration, its mean over seeds: rows are tasks learned, columns tasks."""
    cells = (curves[name] for name in ("after", "task", "accuracy_mean"))
    return r_of_cells(*cells, curves["num_tasks"].iloc[0])
