"""The page Forgetting: the accuracy on each task while later tasks are learned."""

from __future__ import annotations

import streamlit as st

from dashboards import charts
from dashboards.data.comparing import configurations
from dashboards.data.matrices import read_curves
from dashboards.pages.wording import show_left_out, show_nothing_complete
from dashboards.view import View

FIRST, MOST = 6, 14  # configurations shown at first; more than MOST colours look alike
LINES = 80  # drawn before the user chooses others


def show(view: View) -> None:
    """Draw a panel per task with a line per configuration and bands for intervals."""
    table = configurations(view.warehouse, view.scope)
    if table.empty:
        show_nothing_complete(table)
        return
    rows = view.pick_table(table, "forgetting of")
    label = rows["label"]
    first = min(FIRST, max(1, LINES // int(rows["num_tasks"].iloc[0])))
    chosen = st.multiselect(
        "Configurations",
        list(rows.index),
        list(rows.index[:first]),
        max_selections=MOST,
        format_func=lambda index: label[index],
        key=f"curves of table {rows['table'].iloc[0]}",
    )
    if not chosen:
        st.info("Choose a configuration.")
        return
    accuracies = read_curves(view.warehouse, rows.loc[chosen])
    if not accuracies["accuracy_mean"].notna().any():
        st.info("No accuracy was measured for these: accuracy.parquet has none.")
        return
    view.chart(charts.forgetting(accuracies), "curves")
    st.caption(
        "Test data, mean over complete seeds; bands are 95 % Student-t intervals, absent with one "
        "seed. The dotted line marks the point at which the task was learned."
    )
    show_left_out(table)
