"""Lines on trials that are not complete, one for all seeds with the same end and reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[Any, Any]


def group_endings(rows: Iterable[Row]) -> list[list[Row]]:
    """Group rows of the trials table by trial, status, tasks done and reason."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        ending = (row["trial_id"], row["phase"], row["status"], row["tasks_done"], story_line(row))
        groups.setdefault(ending, []).append(row)
    return list(groups.values())


def trial_line(rows: list[Row]) -> str:
    """Return a line on how a trial ended on some of its seeds, with its id."""
    row = rows[0]
    place = f"{row['trial_id']} {seeds_text(rows)} after {row['tasks_done']} tasks"
    return f"{row['status']}: {place}{reason_text(row)}"


def seeds_line(rows: list[Row]) -> str:
    """Return a line on how a trial ended on some of its seeds, without its id."""
    row = rows[0]
    reached = f"{row['tasks_done']} of {row['num_tasks']} tasks"
    return f"{seeds_text(rows)} {row['status']} after {reached}{reason_text(row)}"


def reason_text(row: Row) -> str:
    """Return the first line of a row's story, to be added to a sentence."""
    return f": {story_line(row)}" if story_line(row) else ""


def story_line(row: Row) -> str:
    """Return the first line of a row's story, empty if it has none."""
    return str(row["story"] or "").partition("\n")[0]


def traceback_text(row: Row) -> str:
    """Return a row's story without its first line."""
    return str(row["story"] or "").partition("\n")[2].strip("\n")


def seeds_text(rows: list[Row]) -> str:
    """Return the seeds of rows: seed 3, or seeds 0, 1 and 2."""
    seeds = [str(row["seed"]) for row in rows]
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {', '.join(seeds[:-1])} and {seeds[-1]}"
