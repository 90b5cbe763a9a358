"""Messages of the pages on what is incomplete, undefined or left out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards.charts.quantities import short_label
from orchestrator.columns import UNFINISHED, explain_undefined_fwt
from orchestrator.results.early_ends import status_text
from orchestrator.terminal.escaping import escape_markdown

STATUS_WORDS = {
    UNFINISHED: "not finished: still running, or interrupted",
    "stopped": "stopped by a scheduler",
    "failed": "failed",
    "infeasible": "infeasible: they do not fit their means",
    "diverged": "diverged: a loss or a parameter was not finite",
    "search phase": "candidates of a search, which are seen on the Search page",
}


def reason_left_out(why: str) -> str:
    """Return in words why trials are not compared, their status or phase."""
    return STATUS_WORDS.get(status_text(why), why)


def show_nothing_complete(table: pd.DataFrame) -> None:
    """Show that no trial is complete, and the number of trials by status."""
    left_out = table.attrs.get("left_out", {})
    if not left_out:
        st.info("There is no trial to show.")
        return
    st.info(
        "\n".join(
            [
                "No trial of the evaluation phase is complete yet, so there is nothing to compare:",
                *(
                    f"- {n:,} {escape_markdown(reason_left_out(why))}"
                    for why, n in left_out.items()
                ),
            ]
        )
    )


def show_undefined(table: pd.DataFrame, *metrics: str) -> None:
    """Show for each metric that is undefined in some rows why it is."""
    for metric in metrics:
        rows = table[table[f"{metric}_mean"].isna()]
        if len(rows):
            first = rows.iloc[0]
            why = _undefined_reason(metric, first["scenario"], first["num_tasks"])
            number = f"{len(rows):,} of {len(table):,} configurations"
            st.caption(f"{short_label(metric)} is undefined for {number}: {why}.")


def _undefined_reason(metric: str, scenario: str, num_tasks: int) -> str:
    # With one task the reason for FWT is also that for BWT and forgetting.
    reason = (
        explain_undefined_fwt(scenario, num_tasks) if metric == "fwt" or num_tasks < 2 else None
    )
    return reason or "a cell of R that it reads was not measured"


def show_left_out(table: pd.DataFrame) -> None:
    """Show how many (trial, seed) are left out of a comparison, and why."""
    if table.attrs.get("left_out"):
        parts = [
            f"{n:,} {escape_markdown(reason_left_out(why))}"
            for why, n in table.attrs["left_out"].items()
        ]
        st.caption(f"Left out, by trial and seed: {'; '.join(parts)}.")
    for note in table.attrs.get("pooled", []):
        st.caption(f"{escape_markdown(note)}.")
