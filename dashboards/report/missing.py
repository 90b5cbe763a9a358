"""Notes on what is missing from the results: files, trials, and sweeps that still run."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboards.data.scope import IS_COMPARED
from dashboards.data.stages import read_progress
from dashboards.data.warehouse import Warehouse


def missing_notes(warehouse: Warehouse) -> Iterator[str]:
    """Yield a sentence for each missing file, incomplete trial and running sweep."""
    for note in (*warehouse.notes, *warehouse.older):
        yield note.replace("`", "")
    for folder in warehouse.folders:
        progress = read_progress(folder)
        if progress is not None and progress.state != "complete":
            done = f"{progress['trials_done']} of {progress['trials']} trials are done"
            state = "still running" if progress.state == "running" else "not complete"
            yield f"{folder.name} is {state}: {done}, {progress['to_go']} stages are to go."
    yield from _incomplete_notes(warehouse)
    yield from warehouse.reasons_apart
    yield from warehouse.results.notes


def _incomplete_notes(warehouse: Warehouse) -> Iterator[str]:
    """Yield the number of incomplete trials by status, with the reason of the first."""
    rows = warehouse.frame(
        "SELECT sweep, status, count(*) AS n, any_value(story) FILTER (story <> '') AS story "
        f"FROM trials WHERE {IS_COMPARED[0]} AND status <> 'complete' "
        "GROUP BY sweep, status ORDER BY min(place)"
    )
    for row in rows.to_dict("records"):
        story = "" if pd.isna(row["story"]) else f": {str(row['story']).splitlines()[0]}"
        n = int(row["n"])
        yield f"{row['sweep']}: {n} trial{'s' if n > 1 else ''} {row['status']}{story}"
