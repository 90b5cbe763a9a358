"""The comparison of the open results in a scope, and paired differences of its rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dashboards.data.scope import EVERYTHING, Scope
from dashboards.data.warehouse import KEY, Warehouse
from dashboards.data.warehouse import MEAN_COSTS as MEAN_COSTS
from orchestrator.results import contrasts
from orchestrator.results.comparison import ROW, VALUES, count_left_out
from orchestrator.results.front import with_front

STATISTICS = ("mean", "std", "ci95")


def configurations(warehouse: Warehouse, scope: Scope = EVERYTHING) -> pd.DataFrame:
    """Return the rows of `comparison` that are in scope, with means of all MEAN_COSTS.

    A configuration is in scope if one of its sweeps is; it is averaged over all its seeds.
    `attrs["left_out"]` has the number of (trial, seed) in scope that were left out, by reason.
    """
    table = warehouse.comparison
    sweeps = pd.Series([str(text).split(", ") for text in table["sweeps"]], table.index, object)
    rows = table[scope.mask(table, sweeps)].reset_index(drop=True)
    trials = warehouse.results.trials
    rows.attrs = dict(table.attrs) | {"left_out": count_left_out(trials[scope.mask(trials)])}
    return rows


def comparison_columns() -> list[str]:
    """Return the columns of `comparison`."""
    figures = [f"{value}_{part}" for value in VALUES for part in STATISTICS]
    return [*ROW, "label", "table", "n", *figures, "sweeps"]


def add_labels(warehouse: Warehouse, table: pd.DataFrame) -> pd.DataFrame:
    """Add `label` and `table` to rows with the columns of KEY."""
    return table.merge(warehouse.names, "left", KEY)


def compare_configurations(warehouse: Warehouse) -> pd.DataFrame:
    """Return the rows of `configurations` with `front` and the differences from the best row.

    The differences have the columns of `contrasts.with_differences`.
    """
    return with_front(contrasts.with_differences(warehouse.results, configurations(warehouse)))


def differences(
    warehouse: Warehouse,
    rows: pd.DataFrame,
    reference: int,
    metric: str,
    shown: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return the difference of each configuration's metric from that of a reference, by seed.

    Args:
        warehouse: the results.
        rows: all rows of one table of the comparison.
        reference: index of the reference in `rows`.
        metric: a column of `trials`.
        shown: indices of the rows to return; p-values are corrected for all rows.

    Returns:
        A row for each other configuration: `label`, `against`, `n` common seeds, `difference`,
        `low` and `high` (95% paired t interval), `p` and `p_holm` (corrected for the number of
        rows).
    """
    table = contrasts.differences(warehouse.results, rows, reference, metric)
    names = {"diff": "difference", "diff_low": "low", "diff_high": "high"}
    table = table.rename(columns=names).assign(against=rows["label"].loc[reference])
    table.insert(0, "label", rows["label"])
    kept = list(rows.index) if shown is None else list(shown)
    return table.loc[[index for index in kept if index != reference]].reset_index(drop=True)
