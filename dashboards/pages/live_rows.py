"""The running stages, the failures and the last events, on the page Live."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import pandas as pd
import streamlit as st

from dashboards.charts.short_names import short_texts
from dashboards.data.folders import SweepFolder
from dashboards.data.running import read_endings, read_events, read_running, running_table
from dashboards.data.stages import StoredProgress
from dashboards.page import Page
from orchestrator.results.units import duration_text
from orchestrator.terminal.escaping import escape_markdown
from orchestrator.terminal.failures import group_endings, trials_line

MOST_FAILURES, LINES_HEIGHT = 8, 320  # lines; pixels
EVENT_LETTERS, STAGE_LETTERS = 48, 40  # of a name beside the other columns
STORY_LETTERS = 42  # of an event; the failures above have all of them
# Pixels; the names have the rest.
EVENT_WIDTHS = {"time": 110, "event": 320, "seed": 60}
STAGE_WIDTHS = {"for": 80, "seed": 60, "task": 70, "node": 90, "process": 70, "device": 70}


def show_running(page: Page, folder: SweepFolder, progress: StoredProgress) -> None:
    """Show each running stage: its trial, its place, and its seconds so far."""
    if progress.state != "running":
        return
    st.subheader("Running now")
    stages = read_running(folder, progress)
    if stages is None:
        st.info("Where stages run is not known: the store cannot be read from here.")
    elif not stages:
        st.caption("No stage is being computed at this moment.")
    else:
        rows = running_table(page.warehouse, folder.name, stages)
        _show_rows(readable_stages(rows), STAGE_WIDTHS, key="running now")


def readable_stages(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show of running stages, as text."""
    return pd.DataFrame(
        {
            "for": rows["seconds"].map(duration_text),
            "configuration": _short(rows["label"], STAGE_LETTERS),
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
    """Return the columns to show of events, as text; long names differ still."""
    times = [time_text(moment.to_pydatetime().astimezone()) for moment in rows["time"]]
    names = _short(rows["configuration"], EVENT_LETTERS)
    events = rows["event"].map(_shorten_story)
    return rows.assign(time=times, event=events, seed=rows["seed"].astype(str), configuration=names)


def time_text(moment: datetime) -> str:
    """Return a time of this machine's zone as text, with its date unless that is today."""
    today = moment.date() == datetime.now(moment.tzinfo).date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%d %b %H:%M}"


def _shorten_story(text: str) -> str:
    return text if len(text) <= STORY_LETTERS else f"{text[: STORY_LETTERS - 1]}…"


def _short(names: pd.Series[str], letters: int) -> pd.Series[str]:
    names = names.astype(str)
    return names.mask(names.str.len() > letters, names.map(short_texts(names, letters)))


def _show_rows(
    rows: pd.DataFrame, widths: Mapping[str, int], key: str, height: int | Literal["auto"] = "auto"
) -> None:
    columns = {name: st.column_config.Column(width=width) for name, width in widths.items()}
    st.dataframe(
        rows, hide_index=True, width="stretch", height=height, key=key, column_config=columns
    )


def show_events(page: Page, sweep: str, progress: StoredProgress) -> None:
    """Show the last events of the run, newest first."""
    events = read_events(page.warehouse, sweep, progress)
    if events.empty:
        return
    st.subheader("Last events")
    _show_rows(readable_events(events), EVENT_WIDTHS, key="last events", height=LINES_HEIGHT)
