"""Notes on what is missing from the results: files, trials, and sweeps that still run."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboards.data.running import read_endings
from dashboards.data.scope import IS_COMPARED
from dashboards.data.sql_views import STATUS_TEXT
from dashboards.data.stages import StoredProgress, count_trials, read_progress
from dashboards.data.warehouse import Warehouse
from orchestrator.results.early_ends import reason_line
from orchestrator.results.units import noun_text
from orchestrator.terminal.failures import group_endings, trials_line

MOST_KINDS = 8  # of failures


def missing_notes(warehouse: Warehouse) -> Iterator[str]:
    """Yield a sentence for each missing file, incomplete trial and running sweep."""
    for note in (*warehouse.notes, *warehouse.older):
        yield note.replace("`", "")
    for folder in warehouse.folders:
        progress = read_progress(folder)
        if progress is not None and progress.state != "complete":
            yield f"{folder.name} is {_progress_text(warehouse, folder.name, progress)}."
        yield from _failure_notes(warehouse, folder.name)
    yield from _incomplete_notes(warehouse)
    yield from warehouse.reasons_apart
    yield from warehouse.results.notes


def _progress_text(warehouse: Warehouse, sweep: str, progress: StoredProgress) -> str:
    """Return how far a sweep is whose trials are not all complete."""
    trials, missing = progress["trials"], progress.num_missing
    if progress.state == "over":
        complete = count_trials(warehouse, sweep, str(progress["phase"]))["complete"]
        counted = f"{complete} of {trials} trials are complete"
        return f"over: {counted}, {missing} stages were not computed"
    state = "still running" if progress.state == "running" else "not complete"
    done = f"{progress['trials_done']} of {trials} trials are done"
    return f"{state}: {done}, {progress['to_go']} stages are to go"


def _failure_notes(warehouse: Warehouse, sweep: str) -> Iterator[str]:
    """Yield a sentence for all trials that failed or diverged alike, with names and seeds."""
    rows = [row for row in read_endings(warehouse, sweep) if row["phase"] == "evaluation"]
    kinds = group_endings(rows, by=())
    yield from (f"{sweep}: {trials_line(alike)}" for alike in kinds[:MOST_KINDS])
    if len(kinds) > MOST_KINDS:
        yield f"{sweep}: {len(kinds) - MOST_KINDS} more kinds of failures"


def _incomplete_notes(warehouse: Warehouse) -> Iterator[str]:
    """Yield the number of other incomplete configurations, with the reason of the first."""
    rows = warehouse.frame(
        f"SELECT sweep, {STATUS_TEXT} AS words, count(*) AS n, "
        "count(DISTINCT trial_id) AS configurations, "
        "any_value(story) FILTER (story <> '') AS story "
        f"FROM trials WHERE {IS_COMPARED[0]} AND status NOT IN ('complete', 'failed', 'diverged') "
        "GROUP BY sweep, words ORDER BY min(place)"
    )
    for row in rows.to_dict("records"):
        reason = "" if pd.isna(row["story"]) else reason_line(row)
        configurations, n = int(row["configurations"]), int(row["n"])
        what = noun_text(str(configurations), "configuration")
        trials = f"{noun_text(str(n), 'trial')}, a seed each"
        yield f"{row['sweep']}: {row['words']}: {what} ({trials}){f': {reason}' if reason else ''}"
