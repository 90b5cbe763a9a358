"""Paired differences of configurations of one setting, on common seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboards.data.scope import COMPARED, those
from dashboards.data.warehouse import Warehouse
from orchestrator.results.statistics import Difference, difference, holm


def differences(
    warehouse: Warehouse, rows: pd.DataFrame, reference: int, metric: str
) -> pd.DataFrame:
    """Return how much each configuration's metric is above the reference's, paired by seed.

    Args:
        warehouse: where the trials are.
        rows: configurations of one table, the reference among them.
        reference: its index in `rows`.
        metric: a column of `trials`.

    Returns:
        A row for each other configuration: `label`, `against`, `n` common seeds, `difference`,
        `low` and `high` (95% interval), `p` and `p_holm` (corrected for the number of rows).
    """
    found = warehouse.frame(
        f'SELECT sweep, trial_id, seed, "{metric}" AS value FROM trials '
        f"WHERE {those(rows)} AND {' AND '.join(COMPARED)}"
    )
    groups = found.set_index("seed").groupby(["sweep", "trial_id"])["value"]
    by_seed = [groups.get_group(name) for name in zip(rows["sweep"], rows["trial_id"], strict=True)]
    base = by_seed[list(rows.index).index(reference)]
    others = [place for place, index in enumerate(rows.index) if index != reference]
    made = [_paired(by_seed[place], base) for place in others]
    return pd.DataFrame({
        "label": rows["label"].iloc[others].to_list(), "against": rows["label"].loc[reference],
        "n": [d.n for d in made], "difference": [d.mean for d in made],
        "low": [d.low for d in made], "high": [d.high for d in made],
        "p": [d.p for d in made], "p_holm": holm([d.p for d in made]),
    })  # fmt: skip


def _paired(here: pd.Series[float], there: pd.Series[float]) -> Difference:
    here, there = here.align(there, join="inner")
    return difference(*(np.asarray(side, dtype=np.float64) for side in (here, there)))
