"""Spans and points of time on the command line, and the end of a batch job.

pandas reads such spans too, but delays every command by its import, and takes a bare number for
nanoseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import typer

JOB_END = "SLURM_JOB_END_TIME"
JOB_MARGIN_SECONDS = 60.0  # for the tables, before the job is killed
UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
WORDS = r"d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?"
LONGEST_SPAN = 36_525 * UNITS["d"]  # a century, far below what datetime can add
SPAN = re.compile(rf"(\d{{1,6}}(?:\.\d+)?)\s*({WORDS})(?![a-z])\s*")
TIMES = "18:30, 2026-12-01T18:30, or a span such as 2h30m"


@dataclass(frozen=True)
class EndTime:
    """A time that no stage of a run must outlast.

    Attributes:
        moment: the time, with its time zone.
        origin: where it is from, in words.
    """

    moment: datetime
    origin: str

    def describe(self, now: datetime) -> str:
        """Return the time in words, with the date unless it is today."""
        local = self.moment.astimezone(now.tzinfo)
        shown = f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"
        return f"{shown} ({self.origin})"


def parse_span(text: str) -> float | None:
    """Return the seconds of a span such as 2h30m or 15 min; None if it is not one, or too long."""
    text, seconds = text.strip().lower(), 0.0
    if not text:
        return None
    while text:
        part = SPAN.match(text)
        if part is None:
            return None
        seconds += float(part[1]) * UNITS[part[2][0]]
        text = text[part.end() :]
    return seconds if seconds <= LONGEST_SPAN else None


def parse_moment(text: str, now: datetime) -> datetime | None:
    """Return a point of time in the zone of `now`; None if the text is not one.

    A time of day is the next one.
    """
    if (seconds := parse_span(text)) is not None:
        return now + timedelta(seconds=seconds)
    if (clock := parse_clock(text)) is not None:
        today = datetime.combine(now.date(), clock, clock.tzinfo or now.tzinfo)
        return today if today > now else today + timedelta(days=1)
    # A time at the edge of the calendar has no counterpart in every zone.
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        return moment.astimezone(now.tzinfo) if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
    return None


def parse_clock(text: str) -> time | None:
    """Return a time of day; None if the text is not one."""
    # Python reads 18 and 1830 as times too; they are more likely slips.
    with suppress(ValueError):
        return time.fromisoformat(text) if ":" in text else None
    return None


def parse_until(text: str) -> EndTime:
    """Return the time of --until.

    Raises:
        typer.BadParameter: it is not a time, or has passed.
    """
    now = datetime.now().astimezone()
    moment = parse_moment(text, now)
    if moment is None:
        raise typer.BadParameter(f"{text!r} is not a time; give {TIMES}")
    if moment <= now:
        raise typer.BadParameter(f"{text!r} has passed; give a time to come: {TIMES}")
    return EndTime(moment, "--until")


def parse_wait(text: str) -> float:
    """Return the seconds of a span.

    Raises:
        typer.BadParameter: it is not a span above 0.
    """
    seconds = parse_span(text)
    if not seconds:
        raise typer.BadParameter(f"{text!r} is not a span of time; give one such as 15m or 2h30m")
    return seconds


def job_end_time(environment: Mapping[str, str], now: datetime) -> EndTime | None:
    """Return the end of the Slurm job that this process runs in, less time for the tables.

    A time that has passed is of an earlier job, whose environment was inherited.
    """
    text = environment.get(JOB_END, "")
    moment = now
    with suppress(ValueError, OverflowError):
        moment = datetime.fromtimestamp(int(text), now.tzinfo)
    if moment <= now:
        return None
    return EndTime(moment - timedelta(seconds=JOB_MARGIN_SECONDS), "the end of the Slurm job")


def first_end_time(
    until: EndTime | None, environment: Mapping[str, str], now: datetime
) -> EndTime | None:
    """Return the earlier of --until and the end of the Slurm job, if there is either."""
    ends = [end for end in (until, job_end_time(environment, now)) if end is not None]
    return min(ends, key=lambda end: end.moment, default=None)
