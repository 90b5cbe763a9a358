"""The page Costs: storage by category, computation by phase, stages computed and shared."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.data.comparing import configurations
from dashboards.data.sharing import count_shared
from dashboards.page import Page
from dashboards.pages.choices import first_choice
from dashboards.pages.wording import show_left_out, show_nothing_complete
from dashboards.report.cost_captions import frozen_body, sharing
from orchestrator.terminal.escaping import escape_markdown

MAX_BARS = 40  # bars in a drawing


def show(page: Page) -> None:
    """Draw storage by category, computation by phase, and stages computed and shared."""
    table = configurations(page.warehouse, page.scope)
    if table.empty:
        show_nothing_complete(table)
    else:
        _draw(page, table)
        show_left_out(table)
    _show_sharing(page)


def _draw(page: Page, table: pd.DataFrame) -> None:
    rows = page.pick_table(table)
    if len(rows) > MAX_BARS:
        st.info(
            f"{MAX_BARS} of {len(rows):,} configurations, the best of each method in ACC; narrow "
            "down in the sidebar."
        )
        rows = rows.loc[first_choice(rows, MAX_BARS)]
    st.subheader("Storage, by category")
    page.chart(charts.storage(rows), "storage chart")
    st.caption(
        "Bytes that must live until the next task, after the last task; mean over seeds. "
        f"{escape_markdown(frozen_body(rows))}"
    )
    st.subheader("Computation, by phase")
    page.chart(charts.computation(rows), "computation chart")
    st.caption("FLOPs of matrix products and convolutions, whole trial; mean over seeds.")


def _show_sharing(page: Page) -> None:
    st.subheader("Stages shared")
    shares = count_shared(page.warehouse, page.scope)
    if shares.empty:
        st.info("No stage has been computed yet.")
        return
    for line in sharing(shares):
        st.markdown(escape_markdown(line))
    page.chart(charts.sharing(shares), "sharing chart")
