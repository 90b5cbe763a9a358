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
    _show_progress(view, chosen)


def _state(folder: SweepFolder) -> str:
    state = progress(folder)
    return state.state if state else "unknown"


@st.fragment(run_every=EVERY_SECONDS)
def _show_progress(view: View, sweep: str) -> None:
    view = view.reload()
    folder = next(folder for folder in view.warehouse.folders if folder.name == sweep)
    state = progress(folder)
    if state is None:
        st.info("This sweep does not say how far it is: progress.json is not there or not whole.")
    else:
        _figures(state)
    _statuses(view, sweep)
    _graph(view, sweep)


def _figures(state: Progress) -> None:
    ago = duration(state.seconds_ago)
    show = st.success if state.state == "complete" else st.info
    show(STATES[state.state].format(ago=ago, phase=state["phase"]))
    total = state["asked_for"] or 0
    done = total - (state["to_go"] or 0)
    st.progress(min(1.0, done / total) if total else 0.0, f"{done:,} of {total:,} stages")
    speed = state.stages_per_minute
    figures = {
        "trials done": f"{state['trials_done'] or 0:,} of {state['trials'] or 0:,}",
        "stages computed": state["executed"],
        "stages shared": state["shared"],
        "running now": len(state["running"] or []),
        "failed": state["failed"],
        "stages a minute": "–" if speed is None else f"{speed:.1f}",
        "time to go": "–" if state["eta_seconds"] is None else duration(state["eta_seconds"]),
    }
    with st.container(horizontal=True):
        for name, value in figures.items():
            st.metric(name, "–" if value is None else value, width=160)


def _statuses(view: View, sweep: str) -> None:
    table = statuses(view.warehouse, sweep)
    if table.empty:
        st.info("No table has been written yet; the first comes with the first stage.")
        return
    st.dataframe(table.rename(columns={"n": "trials, a seed each"}), hide_index=True)


def _graph(view: View, sweep: str) -> None:
    num = num_stages(view.warehouse, sweep)
    if num > MOST_STAGES:
        st.caption(f"{num:,} stages: too many to draw as a graph (at most {MOST_STAGES}).")
    elif num:
        st.subheader("Trial graph")
        rows: pd.DataFrame = stage_rows(view.warehouse, sweep)
        view.chart(charts.trial_graph(rows), "trial graph")
