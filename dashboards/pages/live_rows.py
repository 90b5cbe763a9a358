"""The running stages, the failures and the last events, on the page Live."""

from __future__ import annotations

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
LETTERS = 56  # of a name beside the other columns of events
EVENT_WIDTHS = {"time": 80, "event": 170, "seed": 60}  # pixels; the names have the rest


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
        st.dataframe(readable_stages(rows), hide_index=True, width="stretch", key="running now")


def readable_stages(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show of running stages, as text."""
    return pd.DataFrame(
        {
            "for": rows["seconds"].map(duration_text),
            "configuration": rows["label"],
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
    times = [f"{moment.to_pydatetime().astimezone():%H:%M:%S}" for moment in rows["time"]]
    names = rows["configuration"].astype(str)
    names = names.mask(names.str.len() > LETTERS, names.map(short_texts(names, LETTERS)))
    return rows.assign(time=times, seed=rows["seed"].astype(str), configuration=names)


def show_events(page: Page, sweep: str, progress: StoredProgress) -> None:
    """Show the last events of the run, newest first."""
    events = read_events(page.warehouse, sweep, progress)
    if events.empty:
        return
    st.subheader("Last events")
    st.dataframe(
        readable_events(events),
        hide_index=True,
        width="stretch",
        height=LINES_HEIGHT,
        key="last events",
        column_config={
            name: st.column_config.Column(width=width) for name, width in EVENT_WIDTHS.items()
        },
    )
