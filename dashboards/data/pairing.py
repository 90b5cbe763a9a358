"""Paired differences of configurations of one table, as `results.contrasts` has them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dashboards.data.warehouse import Warehouse
from orchestrator.results import contrasts


def differences(
    warehouse: Warehouse,
    rows: pd.DataFrame,
    reference: int,
    metric: str,
    shown: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return how much each configuration's metric is above the reference's, paired by seed.

    Args:
        warehouse: where the trials are.
        rows: all rows of one table of the comparison.
        reference: index in `rows` of the one to compare with.
        metric: a column of `trials`.
        shown: indices of the rows to return; p-values are corrected for all.

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
