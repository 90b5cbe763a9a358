"""The study at a glance: when, with what, on which hardware, and what it cost in all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd

from dashboards.data.folders import SweepFolder
from dashboards.data.stages import WORK_SQL, read_progress
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import PHASE_SECONDS
from orchestrator.results.units import duration_text, flops_text

VERSIONS = ("repertoire-cl", "torch", "python", "ray")
WALL = " + ".join(f"coalesce({name}, 0)" for name in PHASE_SECONDS)


def study_lines(warehouse: Warehouse) -> Iterator[str]:
    """Yield a sentence on each sweep: date, versions, hardware, and its total cost.

    The date is that of the last stage, from `progress.json`. A stage counts once however many
    trials share it; stages that only initialise are left out.
    """
    costs = read_total_costs(warehouse).set_index("sweep")
    for folder in warehouse.folders:
        facts = [*date_facts(folder), *version_facts(folder)]
        if folder.name in costs.index:
            facts += cost_facts(costs.loc[folder.name])
        if facts:
            yield f"{folder.name}: {'; '.join(facts)}."


def read_total_costs(warehouse: Warehouse) -> pd.DataFrame:
    """Return a row per sweep on its trained stages.

    Columns: `sweep`, `stages` (of all chains), `distinct`, `flops` and `distinct_flops` (training,
    consolidation and evaluation), `seconds` of the distinct ones, `devices` and `nodes`.
    """
    return warehouse.frame(
        "SELECT sweep, sum(times)::BIGINT AS stages, count(*) AS distinct, "
        "sum(times * flops) AS flops, sum(flops) AS distinct_flops, sum(seconds) AS seconds, "
        "string_agg(DISTINCT device, ', ' ORDER BY device) AS devices, "
        "count(DISTINCT node) AS nodes FROM ("
        f"SELECT sweep, key, count(*) AS times, any_value({WORK_SQL}) AS flops, "
        f"any_value({WALL}) AS seconds, any_value(device) AS device, any_value(node) AS node "
        "FROM stages WHERE after > 0 GROUP BY sweep, key) GROUP BY sweep ORDER BY sweep"
    )


def date_facts(folder: SweepFolder) -> Iterator[str]:
    """Yield the date of the last change of a sweep, in UTC."""
    progress = read_progress(folder)
    if progress is not None and progress["updated_at"]:
        moment = datetime.fromtimestamp(float(progress["updated_at"]), UTC)
        yield f"last computed {moment:%Y-%m-%d %H:%M} UTC"


def version_facts(folder: SweepFolder) -> Iterator[str]:
    """Yield the versions of the software that results depend on most."""
    versions = folder.document("versions.json") or {}
    known = [f"{name} {versions[name]}" for name in VERSIONS if name in versions]
    if known:
        yield ", ".join(known)


def cost_facts(row: pd.Series) -> Iterator[str]:
    """Yield the hardware, and what was asked for, computed and spared."""
    if row["devices"] and row["nodes"]:
        yield f"on {row['devices']}, {row['nodes']} machine{'s' if row['nodes'] != 1 else ''}"
    yield (
        f"{row['stages']:,} trained stages asked for, {row['distinct']:,} of them distinct, "
        f"{duration_text(row['seconds'])} of computing in all"
    )
    spared = row["flops"] - row["distinct_flops"]
    yield (f"{flops_text(row['distinct_flops'])} computed, {flops_text(spared)} spared by sharing")
