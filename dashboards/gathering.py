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

    The columns are those of `dashboards.data.comparing.configurations`.
    """
    return with_front(configurations(warehouse))


def accuracies(warehouse: Warehouse, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on each task after each number of tasks, of some configurations.

    The columns are those of `dashboards.data.matrices.curves`, in the order of the rows.
    """
    whose = ["sweep", "trial_id"]
    return rows[whose].merge(curves(warehouse, rows), on=whose)


def matrix(curves: pd.DataFrame) -> pd.DataFrame:
    """Return R of one configuration, its mean over seeds: rows are tasks learned, columns tasks."""
    return curves.pivot_table("accuracy_mean", "after", "task", dropna=False)
