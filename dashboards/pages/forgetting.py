"""The page Forgetting: the accuracy on each task while later tasks are learned."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.short_names import budget_names
from dashboards.data.comparing import configurations
from dashboards.data.matrices import read_average_curves, read_curves
from dashboards.page import Page
from dashboards.pages.choices import first_choice
from dashboards.pages.wording import show_left_out, show_nothing_complete
from orchestrator.results.cells import MOST_TASKS, spread_tasks

FIRST, MOST = 6, 14  # configurations shown at first; more than MOST colours look alike
LINES = 80  # drawn before the user chooses others
FEW_TASKS = 9  # of more than MOST_TASKS, shown before the user chooses others


def show(page: Page) -> None:
    """Draw the accuracy over the tasks seen, and that on each task; bands are intervals."""
    table = configurations(page.warehouse, page.scope)
    if table.empty:
        show_nothing_complete(table)
        return
    rows = page.pick_table(table)
    chosen = _pick_configurations(rows)
    if not chosen:
        st.info("Choose a configuration.")
        return
    accuracies = read_curves(page.warehouse, rows.loc[chosen])
    if not accuracies["accuracy_mean"].notna().any():
        st.info("No accuracy was measured for these: accuracy.parquet has none.")
        return
    _show_average(page, rows.loc[chosen])
    _show_tasks(page, accuracies, int(rows["num_tasks"].iloc[0]))
    show_left_out(table)


def _pick_configurations(rows: pd.DataFrame) -> list[Any]:
    names, num_tasks = budget_names(rows["label"]), int(rows["num_tasks"].iloc[0])
    first = min(FIRST, max(1, LINES // min(num_tasks, MOST_TASKS)))
    chosen = st.multiselect(
        "Configurations",
        list(rows.index),
        first_choice(rows, first),
        max_selections=MOST,
        format_func=lambda index: names[str(rows["label"].loc[index])],
        key=f"curves of table {rows['table'].iloc[0]}",
    )
    if len(chosen) < len(rows):
        st.caption(
            f"{len(chosen)} of {len(rows):,} configurations, at first the best of each method in "
            f"ACC; up to {MOST} can be chosen."
        )
    return chosen


def _show_average(page: Page, rows: pd.DataFrame) -> None:
    st.subheader("Accuracy over the tasks seen")
    curves = read_average_curves(page.warehouse, rows)
    page.chart(charts.average_accuracy(curves), "average chart")
    st.caption(
        "Test data, mean over the tasks learned so far and over complete seeds; bands are 95 % "
        "Student-t intervals, absent with one seed."
    )


def _show_tasks(page: Page, accuracies: pd.DataFrame, num_tasks: int) -> None:
    st.subheader("Accuracy on each task")
    tasks = _pick_tasks(num_tasks)
    page.chart(charts.forgetting(accuracies[accuracies["task"].isin(tasks)]), "curves")
    st.caption(
        "The dotted line marks the point at which the task was learned; what was before is faint. "
        "Lines join what was measured; points of equal values stand side by side."
    )


def _pick_tasks(num_tasks: int) -> list[int]:
    """Return the tasks that have a panel: all, or the user's choice if there are many."""
    every = list(range(1, num_tasks + 1))
    if num_tasks <= MOST_TASKS:
        return every
    first = spread_tasks(every, FEW_TASKS)
    chosen = st.multiselect("Tasks", every, first, max_selections=MOST_TASKS, key="tasks")
    return chosen or first
