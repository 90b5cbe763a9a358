"""The protocol of the results: seeds, search, versions, sweep files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import starmap
from typing import Any

from dashboards.data.documents import SEARCH
from dashboards.data.folders import SweepFolder
from dashboards.data.sharing import count_shared
from dashboards.data.sql_views import sql_literal
from dashboards.data.warehouse import Warehouse
from dashboards.report.chapter import Chapter
from orchestrator.columns import COLUMNS, SHOWN_METRICS

DEFINITIONS = "; ".join(COLUMNS[name].words.removesuffix(" (test)") for name in SHOWN_METRICS)
METRICS_TEXT = (
    f"{DEFINITIONS}. BWT and FWT are those of Lopez-Paz and Ranzato 2017; forgetting is that of "
    "Chaudhry et al. 2018. "
    "All on test data. ± is half the 95% Student-t interval of the mean over seeds; one seed has "
    "none. Undefined values are a dash, never 0. Storage is what must live from one task to the "
    "next, after the last task; computation is the FLOPs of matrix products and convolutions in "
    "training and consolidation (1 kB = 1000 B)."
)


def protocol_chapters(warehouse: Warehouse) -> Iterator[Chapter]:
    """Yield a chapter for each sweep: seeds, selection of the search, versions."""
    shares = count_shared(warehouse)
    idle = set(shares.loc[shares["computed"] == 0, "sweep"])
    for folder in warehouse.folders:
        sentences = [
            *_describe_seeds(warehouse, folder),
            *_describe_selection(folder),
            *_describe_versions(folder, folder.name in idle),
        ]
        yield Chapter(f"Sweep {folder.name}", sentences)


def read_sweep_file(folder: SweepFolder) -> str:
    """Return the text of the sweep file; empty if it is missing."""
    with suppress(OSError, UnicodeDecodeError):
        return (folder.path / "sweep.yaml").read_text(encoding="utf-8")
    return ""


def _describe_seeds(warehouse: Warehouse, folder: SweepFolder) -> Iterator[str]:
    rows = warehouse.frame(
        "SELECT coalesce(phase, 'evaluation') AS phase, "
        "list(DISTINCT seed ORDER BY seed) AS seeds, "
        f"count(DISTINCT trial_id) AS n FROM trials WHERE sweep = {sql_literal(folder.name)} "
        "GROUP BY ALL ORDER BY phase"
    )
    for row in rows.to_dict("records"):
        seeds = ", ".join(map(str, row["seeds"]))
        yield f"{str(row['phase']).capitalize()}: {row['n']:,} configurations, seeds {seeds}."


def _describe_selection(folder: SweepFolder) -> Iterator[str]:
    document = folder.document(SEARCH)
    if document is None and (folder.path / SEARCH).exists():
        yield "search.json is damaged, so the options of the search are not known."
        return
    if document is None:
        yield "Nothing was searched: every configuration of the file was evaluated."
        return
    pairs = zip(document.get("mode", []), document.get("metric", []), strict=False)
    rule = ", ".join(f"{mode} {metric}" for mode, metric in pairs)
    yield (
        f"Selection: {rule} on validation data at full depth, mean over seeds "
        f"{', '.join(map(str, document.get('seeds', [])))}; "
        f"{document.get('num_trials')} candidates each by {document.get('algorithm')}, scheduler "
        f"{document.get('scheduler')}. Only winners are evaluated on test data."
    )
    yield from starmap(_describe_group, document.get("groups", {}).items())


def _describe_group(name: str, group: Mapping[str, Any]) -> str:
    spaces = ", ".join(
        f"{path} {_space_text(space)}" for path, space in group.get("space", {}).items()
    )
    winner = ", ".join(map(str, group.get("winner") or [])) or "none yet"
    return f"Space of {name}: {spaces or 'empty'}. Winner: {winner}."


def _space_text(space: object) -> str:
    if not isinstance(space, dict):
        return str(space)
    return ", ".join(f"{kind}{tuple(b) if isinstance(b, list) else b}" for kind, b in space.items())


def _describe_versions(folder: SweepFolder, is_idle: bool) -> Iterator[str]:
    document = folder.document("versions.json")
    if document is None and is_idle:
        yield (
            "No stage was computed for this sweep, the store had them all: the versions are those "
            "of the sweeps that computed them."
        )
    elif document is None:
        yield "versions.json is missing, so the versions are not known."
    else:
        versions = ", ".join(f"{name} {version}" for name, version in document.items())
        note = " (no stage was computed for this sweep, the store had them all)" if is_idle else ""
        yield f"Versions{note}: {versions}."
