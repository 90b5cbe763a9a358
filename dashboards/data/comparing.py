"""The comparison of what is open, as far as it is in scope; `results.comparison` makes it."""

from __future__ import annotations

import pandas as pd

from dashboards.data.scope import EVERYTHING, Scope
from dashboards.data.warehouse import COSTS as COSTS
from dashboards.data.warehouse import KEY, Warehouse
from orchestrator.results.comparison import ROW, VALUES, left_out

PARTS = ("mean", "std", "ci95")


def configurations(warehouse: Warehouse, scope: Scope = EVERYTHING) -> pd.DataFrame:
    """Return the rows of `comparison` that are in scope, with means of all COSTS.

    A configuration is in scope if one of the sweeps that hold it is; its figures are over all its
    seeds. `attrs["left_out"]` counts the (trial, seed) of the scope that do not count, by reason.
    """
    table = warehouse.comparison
    sweeps = pd.Series([str(text).split(", ") for text in table["sweeps"]], table.index, object)
    rows = table[scope.holds(table, sweeps)].reset_index(drop=True)
    trials = warehouse.results.trials
    rows.attrs = dict(table.attrs) | {"left_out": left_out(trials[scope.holds(trials)])}
    return rows


def comparison_columns() -> list[str]:
    """Return the columns that `comparison` has."""
    figures = [f"{value}_{part}" for value in VALUES for part in PARTS]
    return [*ROW, "label", "table", "n", *figures, "sweeps"]


def named(warehouse: Warehouse, table: pd.DataFrame) -> pd.DataFrame:
    """Add `label` and `table` to rows with the columns of KEY."""
    return table.merge(warehouse.names, "left", KEY)
