"""The page Live: a running sweep, read again every few seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.plain import escape_texts
from dashboards.data.folders import SweepFolder
from dashboards.data.running import mark_running, read_running
from dashboards.data.stages import (
    StoredProgress,
    count_stages,
    count_trial_statuses,
    count_trials,
    read_progress,
    stage_rows,
    trial_rows,
)
from dashboards.page import Page
from dashboards.pages.heading import EVERY_SECONDS
from dashboards.pages.live_rows import show_events, show_failures, show_running
from dashboards.pages.wording import STATUS_WORDS
from orchestrator.results.units import UNDEFINED, decimal_text, duration_text
from orchestrator.stages.storage.running import RunningStage
from orchestrator.terminal.escaping import escape_markdown

MOST_STAGES = 60  # a larger graph cannot be read
STATES = {
    "complete": "Complete: every trial learned its last task.",
    "unfit": "Complete: {complete:,} trials learned their last task; {infeasible:,} do not fit "
    "their means.",
    "over": "Over, but not every trial learned its last task. The same command continues what was "
    "interrupted, and tries again what failed; what diverged is a result, which stays.",
    "silent": "Interrupted: no sign of life for {ago}. The same command continues where it "
    "stopped.",
    "running": "Running, in the {phase} phase; last update {ago} ago.",
}


def show(page: Page) -> None:
    """Show each sweep's progress, what runs, what failed, and the graph of a small sweep."""
    folders = [f for f in page.warehouse.folders if f.name in (page.scope.sweep or {f.name})]
    if not folders:
        st.info("There is no sweep to follow.")
        return
    names = [folder.name for folder in folders]
    running = [i for i, folder in enumerate(folders) if _state(folder) == "running"]
    chosen = st.selectbox("Sweep", names, running[0] if running else 0, key="live sweep")
    _follow(page, chosen)


def _state(folder: SweepFolder) -> str:
    state = read_progress(folder)
    return state.state if state else "unknown"


@st.fragment(run_every=EVERY_SECONDS)
def _follow(opened: Page, sweep: str) -> None:
    page = opened.reload()
    _show_progress(page, sweep)
    if page.warehouse is not opened.warehouse:
        st.rerun()  # notes and filters, which are outside of this fragment, are of older tables


def _show_progress(page: Page, sweep: str) -> None:
    folder = next(folder for folder in page.warehouse.folders if folder.name == sweep)
    state, stages = read_progress(folder), None
    if state is None:
        st.info("The progress is not known: progress.json is missing or damaged.")
    else:
        _show_figures(state, count_trials(page.warehouse, sweep, str(state["phase"])))
        stages = read_running(folder, state)
        show_running(page, sweep, state, stages)
    show_failures(page, sweep)
    if state is not None:
        show_events(page, sweep, state)
    _show_statuses(page, sweep)
    _show_graph(page, sweep, state, stages or [])


def _show_figures(state: StoredProgress, trials: Mapping[str, int]) -> None:
    name = state_name(state, trials)
    show = {"complete": st.success, "unfit": st.success, "silent": st.warning}.get(name, st.info)
    show(state_text(state, trials))
    total = state["asked_for"] or 0
    done = total - state.num_missing
    st.progress(min(1.0, done / total) if total else 0.0, f"{done:,} of {total:,} stages")
    speed = state.stages_per_minute
    left = state["eta_seconds"] if state.state == "running" else None
    figures = {
        "trials over": f"{count_text(state['trials_done'])} of {state['trials'] or 0:,}",
        "complete in all seeds": f"{trials['complete']:,}",
        "failed or diverged": f"{trials['failed']:,}",
        "stages computed": count_text(state.num_computed),
        "stages shared": count_text(state["shared"]),
        "stages failed": count_text(state.num_raised),
        "stages a minute": UNDEFINED if speed is None else decimal_text(speed, 1),
        "time to go": "–" if left is None else duration_text(left),
    }
    with st.container(horizontal=True):
        for name, value in figures.items():
            st.metric(name, escape_markdown(value), width=160)


def state_text(state: StoredProgress, trials: Mapping[str, int]) -> str:
    """Return a sentence on the state of a sweep, given its numbers of trials."""
    name = state_name(state, trials)
    ago, phase = duration_text(state.seconds_ago), escape_markdown(state["phase"])
    return STATES[name].format(ago=ago, phase=phase, **trials)


def state_name(state: StoredProgress, trials: Mapping[str, int]) -> str:
    """Return the state of a sweep among STATES; where trials failed, nothing more may be to run."""
    if state.state != "complete":
        return state.state
    return "over" if trials["failed"] else "unfit" if trials["infeasible"] else "complete"


def count_text(number: int | None) -> str:
    """Return a count as text; a dash for one that the file lacks."""
    return "–" if number is None else f"{number:,}"


def _show_statuses(page: Page, sweep: str) -> None:
    table = count_trial_statuses(page.warehouse, sweep)
    if table.empty:
        st.info("No table has been written yet; the first is written after the first stage.")
        return
    st.subheader("Trials by status")
    st.dataframe(readable_statuses(table), hide_index=True)


def readable_statuses(table: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of trials by status, with the statuses in words."""
    words = table["status"].map(lambda status: STATUS_WORDS.get(status, status))
    return table.assign(status=words).rename(columns={"n": "trials, a seed each"})


def _show_graph(
    page: Page, sweep: str, state: StoredProgress | None, running: Sequence[RunningStage]
) -> None:
    recorded = count_stages(page.warehouse, sweep)
    num = graph_size(recorded, state)
    if num > MOST_STAGES:
        st.caption(f"{num:,} stages: too many to draw as a graph (at most {MOST_STAGES}).")
    elif recorded:
        st.subheader("Trial graph")
        rows: pd.DataFrame = stage_rows(page.warehouse, sweep)
        trials = mark_running(trial_rows(page.warehouse, sweep), sweep, running)
        page.chart(charts.trial_graph(rows, escape_texts(trials), page.dark), "trial graph")
        st.caption(
            "A stage that several trials share is drawn once, larger, in the row of the first."
        )


def graph_size(recorded: int, state: StoredProgress | None) -> int:
    """Return the number of stages that decides whether a sweep has a graph.

    Those asked for where it is known, so that a graph does not vanish while its sweep runs.
    """
    return max(recorded, (state and state["asked_for"]) or 0)
