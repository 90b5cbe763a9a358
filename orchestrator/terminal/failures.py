"""What went wrong, for a reader: one line for all seeds of a trial that ended alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[Any, Any]


def group_endings(rows: Iterable[Row]) -> list[list[Row]]:
    """Return rows of the trials table in groups of one trial that ended at one place, alike."""
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        ending = (row["trial_id"], row["phase"], row["status"], row["tasks_done"], first_line(row))
        alike.setdefault(ending, []).append(row)
    return list(alike.values())


def trial_line(alike: list[Row]) -> str:
    """Return how a trial ended on some of its seeds, naming the trial."""
    row = alike[0]
    place = f"{row['trial_id']} {seeds_text(alike)} after {row['tasks_done']} tasks"
    return f"{row['status']}: {place}{because(row)}"


def seeds_line(alike: list[Row]) -> str:
    """Return how some seeds of a trial ended."""
    row = alike[0]
    reached = f"{row['tasks_done']} of {row['num_tasks']} tasks"
    return f"{seeds_text(alike)} {row['status']} after {reached}{because(row)}"


def because(row: Row) -> str:
    """Return the first line of a story as the end of a sentence."""
    return f": {first_line(row)}" if first_line(row) else ""


def first_line(row: Row) -> str:
    """Return the first line of a row's story, empty if it has none."""
    return str(row["story"] or "").partition("\n")[0]


def traceback_of(row: Row) -> str:
    """Return what a story says below its first line."""
    return str(row["story"] or "").partition("\n")[2].strip("\n")


def seeds_text(rows: list[Row]) -> str:
    """Return the seeds of rows: seed 3, or seeds 0, 1 and 2."""
    seeds = [str(row["seed"]) for row in rows]
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {', '.join(seeds[:-1])} and {seeds[-1]}"
