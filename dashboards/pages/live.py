"""Live: a sweep as it runs. Read anew every few seconds."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.data.folders import SweepFolder
from dashboards.data.live import Progress, num_stages, progress, stage_rows, statuses
from dashboards.view import View
from orchestrator.terminal.screen import duration

EVERY_SECONDS, MOST_STAGES = 2.0, 60
STATES = {
    "complete": "Complete: every trial went to its last task.",
    "over": "Over, though not every trial went to its last task.",
    "silent": "Nothing was heard for {ago}: a long stage, or it was interrupted. The same command "
    "continues where it stopped.",
    "running": "Running, in the {phase} phase; last heard {ago} ago.",
}


def show(view: View) -> None:
    """Show each sweep's progress, and the trial graph of a small one."""
    folders = [f for f in view.warehouse.folders if f.name in (view.scope.sweep or {f.name})]
    if not folders:
        st.info("There is no sweep to follow.")
        return
    names = [folder.name for folder in folders]
    running = [i for i, folder in enumerate(folders) if _state(folder) == "running"]
    chosen = st.selectbox("Sweep", names, running[0] if running else 0, key="live sweep")
    _followed(view, chosen)


def _state(folder: SweepFolder) -> str:
    said = progress(folder)
    return said.state if said else "unknown"


@st.fragment(run_every=EVERY_SECONDS)
def _followed(view: View, sweep: str) -> None:
    view = view.renewed()
    folder = next(folder for folder in view.warehouse.folders if folder.name == sweep)
    said = progress(folder)
    if said is None:
        st.info("This sweep does not say how far it is: progress.json is not there or not whole.")
    else:
        _figures(said)
    _statuses(view, sweep)
    _graph(view, sweep)


def _figures(said: Progress) -> None:
    ago = duration(said.seconds_ago)
    show = st.success if said.state == "complete" else st.info
    show(STATES[said.state].format(ago=ago, phase=said["phase"]))
    asked = said["asked_for"] or 0
    done = asked - (said["to_go"] or 0)
    st.progress(min(1.0, done / asked) if asked else 0.0, f"{done:,} of {asked:,} stages")
    speed = said.stages_per_minute
    figures = {
        "trials done": f"{said['trials_done'] or 0:,} of {said['trials'] or 0:,}",
        "stages computed": said["executed"],
        "stages shared": said["shared"],
        "running now": len(said["running"] or []),
        "failed": said["failed"],
        "stages a minute": "–" if speed is None else f"{speed:.1f}",
        "time to go": "–" if said["eta_seconds"] is None else duration(said["eta_seconds"]),
    }
    with st.container(horizontal=True):
        for name, value in figures.items():
            st.metric(name, "–" if value is None else value, width=160)


def _statuses(view: View, sweep: str) -> None:
    found = statuses(view.warehouse, sweep)
    if found.empty:
        st.info("No table has been written yet; the first comes with the first stage.")
        return
    st.dataframe(found.rename(columns={"n": "trials, a seed each"}), hide_index=True)


def _graph(view: View, sweep: str) -> None:
    num = num_stages(view.warehouse, sweep)
    if num > MOST_STAGES:
        st.caption(f"{num:,} stages: too many to draw as a graph (at most {MOST_STAGES}).")
    elif num:
        st.subheader("Trial graph")
        rows: pd.DataFrame = stage_rows(view.warehouse, sweep)
        view.chart(charts.trial_graph(rows), "trial graph")
