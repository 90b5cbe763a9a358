"""`results.comparison` for tables of any size: means and intervals taken in SQL.

Rows, columns and their meaning are those of `comparison`; costs that it leaves out are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from dashboards.data.scope import COMPARED, EVERYTHING, Scope
from dashboards.data.warehouse import CONFIGURATION, Warehouse
from orchestrator.results.comparison import ROW, VALUES
from orchestrator.results.tables import FLOPS, SECONDS, STORAGE

# Sums of columns, as `comparison` makes them.
MADE = {
    "compute_flops": "train_flops + consolidate_flops",
    "seconds": "train_seconds + consolidate_seconds",
}
COSTS = (*STORAGE, "compute_flops", *FLOPS, "seconds", *SECONDS, "peak_memory_bytes", "samples")
PARTS = ("mean", "std", "ci95")
NAMES = (*ROW, "label", "table", "n")
MORE = tuple(cost for cost in COSTS if cost not in VALUES)


def configurations(warehouse: Warehouse, scope: Scope = EVERYTHING) -> pd.DataFrame:
    """Return a row per configuration with a complete trial: NAMES and statistics.

    `<value>_mean`, `_std` and `_ci95` of the metrics and of all COSTS, as `comparison` has them:
    null where a trial lacks the value, `_std` and `_ci95` also at n = 1. `attrs["left_out"]` counts
    the (trial, seed) of the scope that do not count, by reason; `attrs["apart"]` says why
    configurations of one setting are in several tables.
    """
    values = (*VALUES, *MORE)
    found = warehouse.frame(
        f"SELECT {', '.join(ROW)}, count(*) AS n, {statistics(values)}, min(place) AS place "
        f"FROM trials WHERE {scope.where(*COMPARED)} GROUP BY ALL"
    )
    table = named(warehouse, with_intervals(found, values).assign(phase="evaluation"))
    table = table.sort_values(["table", "place"], ignore_index=True)
    table = table[[*NAMES, *(f"{value}_{part}" for value in values for part in PARTS)]]
    table.attrs = {"left_out": left_out(warehouse, scope), "apart": warehouse.apart}
    return table


def comparison_columns() -> list[str]:
    """Return the columns that `comparison` has."""
    return [*NAMES, *(f"{value}_{part}" for value in VALUES for part in PARTS)]


def statistics(values: Iterable[str]) -> str:
    """Return the SQL of mean and standard deviation of columns; null where any value is."""
    return ", ".join(
        f"CASE WHEN count({of}) = count(*) THEN {function}({of}) END AS {value}_{part}"
        for value in values
        for of in [MADE.get(value, value)]
        for function, part in (("avg", "mean"), ("stddev_samp", "std"))
    )


def with_intervals(table: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Add the half-width of the 95% Student-t interval, as `mean_std_interval`."""
    n = table["n"].to_numpy(dtype=float)
    quantile = stdtrit(np.maximum(n - 1, 1), 0.975) / np.sqrt(n)
    intervals = {f"{value}_ci95": table[f"{value}_std"] * quantile for value in values}
    return table.assign(**intervals)


def named(warehouse: Warehouse, table: pd.DataFrame) -> pd.DataFrame:
    """Add `label` and `table` to rows with the columns of CONFIGURATION."""
    return table.merge(warehouse.names, "left", CONFIGURATION)


def left_out(warehouse: Warehouse, scope: Scope) -> dict[str, int]:
    """Return how many (trial, seed) of the scope are not compared, by reason."""
    phase, _ = COMPARED
    reasons = warehouse.frame(
        f"SELECT CASE WHEN {phase} THEN status ELSE 'search phase' END AS why, count(*) AS n "
        f"FROM trials WHERE {scope.where()} GROUP BY why "
        "HAVING why <> 'complete' ORDER BY min(place)"
    )
    return dict(zip(reasons["why"], map(int, reasons["n"]), strict=True))
