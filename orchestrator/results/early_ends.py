"""Reasons why candidates of a search ended early, one line for all that ended alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from orchestrator.columns import UNFINISHED
from orchestrator.results.units import noun_text, objective_text

Row = Mapping[Any, Any]
# A number, or the address of an object in its text.
NUMBER = re.compile(r"\b0x[0-9a-f]+\b|(?<![\w.])[-+]?\d[\d.,]*(?:e[-+]?\d+)?(?!\w)")
# A scheduler notes the value that it stopped a candidate for: each candidate has its own.
STOPPED = re.compile(r"(?P<what>stopped by .+ with \S+) (?P<value>\S+)")


def status_text(status: object, story: object = "") -> str:
    """Return the status of a trial as text, by its row of the trials table.

    The status `stopped` is also that of a trial that nobody decided to stop: it is not finished.
    """
    decided = isinstance(story, str) and story and not story.startswith(UNFINISHED)
    return UNFINISHED if status == "stopped" and not decided else str(status)


def reason_line(row: Row) -> str:
    """Return the first line of a row's story, without what its status says; empty for none."""
    line = str(row["story"] or "").partition("\n")[0]
    return line.partition(": ")[2] if line.startswith(UNFINISHED) else line


def describe_early_ends(candidates: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each way in which candidates ended early: those that got less far first.

    Args:
        candidates: a row of the trials table for each.
    """
    alike: dict[tuple[float, str], list[tuple[str, float]]] = {}
    early = [row for row in candidates if row["status"] != "complete"]
    for row in sorted(early, key=_depth):
        reason, value = _reason(row)
        alike.setdefault((_depth(row), without_values(reason)), []).append((reason, value))
    for ends in alike.values():
        yield f"{len(ends)} {ends[0][0]}{_range_text([value for _, value in ends])}"


def without_values(story: str) -> str:
    """Return the first line of a story without the numbers in it, those of its place excepted.

    Failures at one line of code are alike, also where each message has a number of its own.
    """
    what, mark, place = story.rpartition(" (")
    return NUMBER.sub("#", what or place) + (mark + place if what else "")


def _depth(row: Row) -> float:
    return -1.0 if pd.isna(row["tasks_done"]) else float(row["tasks_done"])


def _reason(row: Row) -> tuple[str, float]:
    """Return how a candidate ended, and the value that it was stopped for, or NaN."""
    story = reason_line(row)
    if stopped := STOPPED.fullmatch(story):
        return stopped["what"], float(stopped["value"])
    if story.startswith("stopped by "):
        return story, float("nan")
    done = row["tasks_done"]
    place: str = "early" if pd.isna(done) else f"after {noun_text(f'{done:.0f}', 'task')}"
    status = status_text(row["status"], row["story"])
    return f"{status} {place}{f': {story}' if story else ''}", float("nan")


def _range_text(values: Sequence[float]) -> str:
    """Return the least and the largest value as text, empty for none."""
    texts = [objective_text(value) for value in (min(values), max(values)) if value == value]
    return f" {' to '.join(dict.fromkeys(texts))}" if texts else ""
