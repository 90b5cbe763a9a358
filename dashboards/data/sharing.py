"""How many stages trials asked for, how many were computed, and the FLOPs that sharing spared."""

from __future__ import annotations

import pandas as pd

from dashboards.data.scope import EVERYTHING, Scope
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import FLOPS, INFEASIBLE, PHASE_SECONDS, UNFINISHED

WORK_SQL, WALL_SQL = (
    " + ".join(f"coalesce({name}, 0)" for name in names) for names in (FLOPS, PHASE_SECONDS)
)
# Columns of sums over stages, each with the number of stages, their FLOPs and their seconds.
COUNTS = """
    sum(times)::BIGINT AS stages, sum(times * flops) AS flops,
    sum(copies)::BIGINT AS copies, sum(copies * flops) AS copies_flops,
    count(*) AS distinct, sum(flops) AS distinct_flops,
    count(*) FILTER (own) AS computed,
    coalesce(sum(flops) FILTER (own), 0) AS computed_flops,
    coalesce(sum(seconds) FILTER (own), 0) AS seconds,
    string_agg(DISTINCT device, ', ' ORDER BY device) AS devices, count(DISTINCT node) AS nodes
"""


def count_shared(warehouse: Warehouse, scope: Scope = EVERYTHING) -> pd.DataFrame:
    """Return a row per sweep on its trained stages, and for several sweeps a last one on all.

    A stage is one key. A record names the sweep that computed it and keeps that name in later
    runs, so a sweep that runs again on its own stages still has them as computed. Stage 0, which
    only initialises, is left out. FLOPs are of training, consolidation and evaluation; those that
    a table lacks count as 0.

    Returns:
        The columns `sweep` ("" in the row on all); `first_states` and `to_train`, the stages that
        the trials asked for, see `count_asked`; `stages`, those to train that there are;
        `copies`, the sum over sweeps of their distinct stages; `distinct`; `computed`, those
        distinct ones that the sweep (in the row on all: any of the sweeps) computed; the FLOPs of
        each, `flops`, `copies_flops`, `distinct_flops` and `computed_flops`; the `seconds` of
        those computed; `devices` and `nodes` of the distinct ones.
    """
    used = (
        "SELECT sweep, key, count(*) AS times, 1 AS copies, min(place) AS place "
        "FROM (SELECT * FROM stages WHERE after > 0) JOIN (SELECT sweep, trial_id, seed, place "
        f"FROM trials WHERE {scope.where()}) USING (sweep, trial_id, seed) GROUP BY sweep, key"
    )
    # Whether a sweep computed a stage does not depend on the trials in scope.
    owned = (
        "SELECT sweep, key, bool_or(NOT coalesce(cached, false)) AS own "
        "FROM stages WHERE after > 0 GROUP BY sweep, key"
    )
    # One value a key, so that what was requested is the sum of its parts.
    known = (
        f"SELECT key, max({WORK_SQL}) AS flops, max({WALL_SQL}) AS seconds, max(device) AS device, "
        "max(node) AS node FROM stages WHERE after > 0 GROUP BY key"
    )
    each = f"SELECT * FROM ({used}) JOIN ({owned}) USING (sweep, key) JOIN ({known}) USING (key)"
    rows = warehouse.frame(
        f"SELECT sweep, {COUNTS} FROM ({each}) GROUP BY sweep ORDER BY min(place)"
    )
    rows = rows.merge(count_asked(warehouse, scope), "left", "sweep")
    if len(rows) < 2:
        return rows
    merged = (
        "SELECT key, sum(times) AS times, sum(copies) AS copies, bool_or(own) AS own, "
        "max(flops) AS flops, max(seconds) AS seconds, max(device) AS device, max(node) AS node "
        f"FROM ({each}) GROUP BY key"
    )
    total = warehouse.frame(f"SELECT '' AS sweep, {COUNTS} FROM ({merged})")
    total = total.assign(**rows[["first_states", "to_train"]].sum())
    return pd.DataFrame([*rows.to_dict("records"), *total.to_dict("records")])


def count_asked(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return how many stages the trials of each sweep in scope asked for.

    A trial on a seed asks for its first state and a stage for each of its tasks, whether it
    reaches them or fails before. A candidate that a scheduler stopped asked for those it has, and
    what does not fit its means asked for none.

    Returns:
        The columns `sweep`, `first_states` and `to_train`.
    """
    there = (
        "SELECT sweep, trial_id, seed, count(*) FILTER (after > 0) AS there "
        "FROM stages GROUP BY ALL"
    )
    decided = f"phase = 'search' AND status = 'stopped' AND NOT starts_with(story, '{UNFINISHED}')"
    where = scope.where(f"status <> '{INFEASIBLE}'")
    return warehouse.frame(
        f"SELECT sweep, count(*)::BIGINT AS first_states, sum(CASE WHEN {decided} "
        "THEN coalesce(there, 0) ELSE greatest(coalesce(num_tasks, 0), coalesce(there, 0)) END)"
        "::BIGINT AS to_train "
        f"FROM trials LEFT JOIN ({there}) USING (sweep, trial_id, seed) "
        f"WHERE {where} GROUP BY sweep"
    )
