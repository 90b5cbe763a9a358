"""What the stage graph shared: trained stages asked for against those that are distinct."""

from __future__ import annotations

import pandas as pd

from dashboards.data.scope import Scope
from dashboards.data.warehouse import Warehouse

WORK = "train_flops + consolidate_flops + eval_flops"


def sharing(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return a row per sweep: the trained stages of its chains, and how many of them are distinct.

    Stage 0, which only initialises, is left out. Columns: `sweep`, `stages` (of all chains),
    `distinct`, `shared` (the difference), and the work
    they stand for, `flops` and `distinct_flops` (training, consolidation and evaluation).
    """
    return warehouse.frame(
        "SELECT sweep, sum(times)::BIGINT AS stages, count(*) AS distinct, "
        "sum(times - 1)::BIGINT AS shared, sum(times * flops) AS flops, "
        "sum(flops) AS distinct_flops FROM ("
        f"SELECT sweep, key, count(*) AS times, any_value({WORK}) AS flops, min(place) AS place "
        "FROM (SELECT * FROM stages WHERE after > 0) "
        "JOIN (SELECT sweep, trial_id, seed, place FROM trials "
        f"WHERE {scope.where()}) USING (sweep, trial_id, seed) GROUP BY sweep, key"
        ") GROUP BY sweep ORDER BY min(place)"
    )


def stages(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return the `sweep` of each trained stage of the scope, and whether it was `cached`."""
    return warehouse.frame(
        "SELECT sweep, cached FROM (SELECT * FROM stages WHERE after > 0) "
        f"SEMI JOIN (SELECT * FROM trials WHERE {scope.where()}) USING (sweep, trial_id, seed)"
    )
