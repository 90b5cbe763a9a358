"""Lines on trials that are not complete, one for all seeds with the same end and reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.text import Text

from orchestrator.results.early_ends import reason_line, status_text, without_values
from orchestrator.results.units import noun_text, plural

Row = Mapping[Any, Any]
MAX_TRIALS = 3  # named in a line


def fell_short(trials: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row whether it failed, or is of the evaluation and not complete."""
    evaluated = trials["phase"] == "evaluation"
    return (trials["status"] == "failed") | (evaluated & (trials["status"] != "complete"))


def is_searched(trials: pd.DataFrame) -> pd.Series[bool]:
    """Return for each row whether the tables of the searches say how it ended."""
    return (trials["phase"] == "search") & trials["candidate"].notna()


def group_endings(rows: Iterable[Row], by: Sequence[str] = ("trial_id",)) -> list[list[Row]]:
    """Group rows of the trials table by trial, status, tasks done and reason, its values apart.

    Args:
        rows: the rows.
        by: further columns to group by; without any, trials that ended alike are one group.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        trial, reason = tuple(row[name] for name in by), without_values(reason_line(row))
        ending = (*trial, row["phase"], row["status"], row["tasks_done"], reason)
        groups.setdefault(ending, []).append(row)
    return list(groups.values())


def trials_line(rows: list[Row]) -> str:
    """Return a line on trials that ended alike, with the name and seeds of the first of them.

    Args:
        rows: of the trials table; a column `label`, if there is one, names the trials.
    """
    row, trials = rows[0], group_endings(rows)
    names = [alike[0].get("label", alike[0]["trial_id"]) for alike in trials[:MAX_TRIALS]]
    places = [f"{name} {seeds_text(alike)}" for name, alike in zip(names, trials, strict=False)]
    others = len(trials) - MAX_TRIALS
    places += [f"{others} more trials"] if others > 0 else []
    status = status_text(row["status"], row["story"])
    where = f"{status}: {enumerate_text(places)} after {tasks_text(row)}"
    return f"{where}{_reason_text(row)}{_others_text(rows)}"


def seeds_line(rows: list[Row]) -> str:
    """Return a line on how a trial ended on some of its seeds, without its id."""
    row = rows[0]
    reached = f"{row['tasks_done']} of {row['num_tasks']} tasks"
    how = f"{status_text(row['status'], row['story'])} after {reached}{_reason_text(row)}"
    return f"{seeds_text(rows)} {how}{_others_text(rows)}"


def _reason_text(row: Row) -> str:
    reason = reason_line(row)
    return f": {reason}" if reason else ""


def _others_text(rows: Sequence[Row]) -> str:
    """Return a remark if rows that ended alike have stories with other numbers."""
    return " (others have other numbers)" if len({*map(reason_line, rows)}) > 1 else ""


def traceback_lines(row: Row) -> list[Text]:
    """Return a row's story without its first line, each line whole at any width."""
    story = str(row["story"] or "").partition("\n")[2].strip("\n")
    return [Text(story, no_wrap=True, overflow="ignore")] if story else []


def seeds_text(rows: list[Row]) -> str:
    """Return the seeds of rows: seed 3, or seeds 0, 1 and 2."""
    seeds = [str(row["seed"]) for row in rows]
    return f"{plural('seed', len(seeds) > 1)} {enumerate_text(seeds)}"


def tasks_text(row: Row) -> str:
    """Return the tasks that a row has done: 1 task, or 2 tasks."""
    return noun_text(str(row["tasks_done"]), "task")


def enumerate_text(words: Sequence[str]) -> str:
    """Return words in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
