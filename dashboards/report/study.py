"""The study at a glance: when, with what, on which hardware, and what it cost in all."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from dashboards.data.folders import SweepFolder
from dashboards.data.sharing import count_shared
from dashboards.data.stages import read_progress
from dashboards.data.warehouse import Warehouse
from dashboards.report.cost_captions import ALL_SWEEPS, spared_text, stages_text
from orchestrator.results.units import noun_text

VERSIONS = ("repertoire-cl", "torch", "python", "ray")


def study_lines(warehouse: Warehouse) -> Iterator[str]:
    """Yield a sentence on each sweep: date, versions, hardware and cost; of several, one on all.

    The date is that of the last run, from `progress.json`. A stage counts once however many
    trials share it; stages that only initialise are left out.
    """
    rows = count_shared(warehouse).to_dict("records")
    costs = {row["sweep"]: row for row in rows}
    for folder in warehouse.folders:
        facts = [*date_facts(folder), *version_facts(folder)]
        if folder.name in costs:
            facts += cost_facts(costs[folder.name])
        if facts:
            yield f"{folder.name}: {'; '.join(facts)}."
    if "" in costs:
        yield f"{ALL_SWEEPS}: {'; '.join(cost_facts(costs['']))}."


def date_facts(folder: SweepFolder) -> Iterator[str]:
    """Yield the date of the last change of a sweep, in UTC."""
    progress = read_progress(folder)
    if progress is not None and progress["updated_at"]:
        moment = datetime.fromtimestamp(float(progress["updated_at"]), UTC)
        yield f"last run {moment:%Y-%m-%d %H:%M} UTC"


def version_facts(folder: SweepFolder) -> Iterator[str]:
    """Yield the versions of the software that results depend on most."""
    versions = folder.document("versions.json") or {}
    known = [f"{name} {versions[name]}" for name in VERSIONS if name in versions]
    if known:
        yield ", ".join(known)


def cost_facts(row: Mapping[Hashable, Any]) -> Iterator[str]:
    """Yield the hardware of a row of `count_shared`, and what was asked for and spared."""
    if row["devices"] and row["nodes"]:
        yield f"on {row['devices']}, {noun_text(str(row['nodes']), 'machine')}"
    yield stages_text(row)
    yield spared_text(row)
