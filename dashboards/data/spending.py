"""What the stage graph shared: stages asked for against stages that are distinct."""

from __future__ import annotations

import pandas as pd

from dashboards.data.scope import Scope
from dashboards.data.warehouse import Warehouse

WORK = "train_flops + consolidate_flops + eval_flops"


def sharing(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per sweep: what its chains are made of, and what of it is distinct.

    Columns: `sweep`, `stages` (of all chains), `distinct`, `shared` (the difference), and the work
    they stand for, `flops` and `distinct_flops` (training, consolidation and evaluation).
    """
    return warehouse.frame(
        "SELECT sweep, sum(times)::BIGINT AS stages, count(*) AS distinct, "
        "sum(times - 1)::BIGINT AS shared, sum(times * flops) AS flops, "
        "sum(flops) AS distinct_flops FROM ("
        f"SELECT sweep, key, count(*) AS times, any_value({WORK}) AS flops, min(place) AS place "
        "FROM stages JOIN (SELECT sweep, trial_id, seed, place FROM trials "
        f"WHERE {scope.where()}) USING (sweep, trial_id, seed) GROUP BY sweep, key"
        ") GROUP BY sweep ORDER BY min(place)"
    )


def stages(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return of each stage of the trials in scope its `sweep` and whether it was `cached`."""
    return warehouse.frame(
        "SELECT sweep, cached FROM stages "
        f"SEMI JOIN (SELECT * FROM trials WHERE {scope.where()}) USING (sweep, trial_id, seed)"
    )
