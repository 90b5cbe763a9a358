"""The running stages, the failures and the last events, on the page Live."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from dashboards.charts.short_names import short_texts, shorten
from dashboards.data.running import read_endings, read_events, running_table
from dashboards.data.stages import StoredProgress
from dashboards.page import Page
from orchestrator.results.units import duration_text
from orchestrator.stages.storage.running import RunningStage
from orchestrator.terminal.escaping import escape_markdown
from orchestrator.terminal.failures import group_endings, trials_line

MOST_FAILURES = 8  # lines
# Of an event: of a longer one, as of a message that prints an array, the beginning and the place in
# the code are shown, and the failures above have all of it.
EVENT_LETTERS = 240
EVENT_ROWS, EVENTS_HEIGHT = 7, 320  # more rows have a height in pixels, in which they are moved
STAGE_LETTERS = 40  # of a name beside the other columns, whose widths are in pixels
STAGE_WIDTHS = {"for": 80, "seed": 60, "task": 70, "node": 90, "process": 70, "device": 70}


def show_running(
    page: Page, sweep: str, progress: StoredProgress, stages: list[RunningStage] | None
) -> None:
    """Show each running stage: its trial, its place, and its seconds so far.

    Args:
        page: the page.
        sweep: the name of the sweep.
        progress: of its run.
        stages: that its run computes; None if they cannot be read.
    """
    if progress.state != "running":
        return
    st.subheader("Running now")
    if stages is None:
        st.info("Where stages run is not known: the store cannot be read from here.")
    elif not stages:
        st.caption("No stage is being computed at this moment.")
    else:
        rows = running_table(page.warehouse, sweep, stages)
        columns = {name: st.column_config.Column(width=w) for name, w in STAGE_WIDTHS.items()}
        shown = readable_stages(rows)
        st.dataframe(shown, hide_index=True, key="running now", column_config=columns)


def readable_stages(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show of running stages, as text; long names differ still."""
    names = rows["label"].astype(str)
    short = short_texts(names, STAGE_LETTERS)
    return pd.DataFrame(
        {
            "for": rows["seconds"].map(duration_text),
            "configuration": names.mask(names.str.len() > STAGE_LETTERS, names.map(short)),
            "seed": rows["seed"].astype(str),
            "task": rows["after"].map(task_text),
            "node": rows["node"],
            "process": rows["pid"].astype(str),
            "device": rows["device"],
        }
    )


def task_text(after: float) -> str:
    """Return the place of a stage in its trial as text; `after` is NaN for features."""
    if pd.isna(after):
        return "features"
    return str(int(after)) if after else "first state"


def show_failures(page: Page, sweep: str) -> None:
    """Show a line for all trials that failed or diverged alike, with file and line."""
    endings = group_endings(read_endings(page.warehouse, sweep), by=())
    if not endings:
        return
    st.subheader("Failures")
    lines = [f"- {escape_markdown(trials_line(rows))}" for rows in endings[:MOST_FAILURES]]
    if len(endings) > MOST_FAILURES:
        lines.append(f"- and {len(endings) - MOST_FAILURES:,} more kinds of failures")
    st.error("\n".join(lines))
    st.caption("The traceback: repertoire show DIR TRIAL --traceback.")


def readable_events(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show of events, as Markdown."""
    times = [time_text(moment.to_pydatetime().astimezone()) for moment in rows["time"]]
    events = [escape_markdown(shorten(event, EVENT_LETTERS)) for event in rows["event"]]
    names = rows["configuration"].astype(str).map(escape_markdown)
    return rows.assign(time=times, event=events, seed=rows["seed"].astype(str), configuration=names)


def time_text(moment: datetime) -> str:
    """Return a time of this machine's zone as text, with its date unless that is today."""
    today = moment.date() == datetime.now(moment.tzinfo).date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%d %b %H:%M}"


def show_events(page: Page, sweep: str, progress: StoredProgress) -> None:
    """Show the last events of the run, newest first."""
    events = read_events(page.warehouse, sweep, progress)
    if events.empty:
        return
    st.subheader("Last events")
    height = EVENTS_HEIGHT if len(events) > EVENT_ROWS else "content"
    st.table(readable_events(events), border="horizontal", hide_index=True, height=height)
