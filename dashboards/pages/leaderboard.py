"""The page Leaderboard: mean and interval of each configuration, and paired differences."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import find_quantity, short_label
from dashboards.data.comparing import comparison_columns, configurations, differences
from dashboards.pages.wording import show_left_out, show_nothing_complete, show_undefined
from dashboards.view import View
from orchestrator.columns import METRICS
from orchestrator.terminal.comparison.rendering import render
from orchestrator.terminal.units import p_value_text, range_text, three_decimals

MAX_ROWS = 20  # configurations in the chart of differences
UNITS = {"storage_bytes": ("storage (kB)", 1e3), "compute_flops": ("compute (GFLOP)", 1e9)}


def show(view: View) -> None:
    """Show a sortable table of one setting, downloads, and differences from a reference."""
    table = configurations(view.warehouse, view.scope)
    if table.empty:
        show_nothing_complete(table)
        return
    rows = view.pick_table(table, "leaderboard of")
    st.dataframe(
        readable_table(rows),
        hide_index=True,
        width="stretch",
        key="leaderboard table",
        placeholder="–",
        column_config=_column_config(),
    )
    st.caption(
        "Test data. ± is half the 95 % Student-t interval of the mean over n seeds; –: "
        "undefined, or one seed. Click a column to sort."
    )
    show_left_out(table)
    show_undefined(rows, *METRICS)
    _show_downloads(rows)
    _show_differences(view, rows)


def readable_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns to show, with costs in kB and GFLOP, sorted by ACC."""
    shown = {"configuration": rows["label"]}
    for metric in METRICS:
        shown |= {
            short_label(metric): rows[f"{metric}_mean"],
            f"± {short_label(metric)}": rows[f"{metric}_ci95"],
        }
    shown |= {title: rows[f"{cost}_mean"] / scale for cost, (title, scale) in UNITS.items()}
    return pd.DataFrame(shown | {"n": rows["n"]}).sort_values("ACC", ascending=False)


def _column_config() -> dict[str, Any]:
    metrics = [f"{mark}{short_label(metric)}" for metric in METRICS for mark in ("", "± ")]
    number = st.column_config.NumberColumn
    return {
        "configuration": st.column_config.TextColumn(pinned=True),
        **{name: number(format="%.3f") for name in metrics},
        **{title: number(format="%.1f") for title, _ in UNITS.values()},
        "n": number(help="complete seeds"),
    }


def _show_downloads(rows: pd.DataFrame) -> None:
    table = rows[comparison_columns()].copy()
    table.attrs = {}
    name = f"{rows.iloc[0]['sweep']}-{rows.iloc[0]['scenario']}"
    with st.container(horizontal=True):
        st.download_button("CSV", render(table, "csv"), f"{name}.csv", "text/csv")
        st.download_button("LaTeX", render(table, "latex"), f"{name}.tex", "text/plain")


def _show_differences(view: View, rows: pd.DataFrame) -> None:
    st.subheader("Paired differences")
    if len(rows) < 2:
        st.info("There is only one configuration, so there are no differences.")
        return
    label = list(rows["label"])
    methods = list(rows["method"])
    plain = methods.index("finetune") if "finetune" in methods else 0
    reference = st.selectbox("Against", range(len(rows)), plain, format_func=label.__getitem__)
    metric = st.selectbox("In", METRICS, format_func=lambda name: find_quantity(name).title)
    best = rows.sort_values(f"{metric}_mean", ascending=False).head(MAX_ROWS)
    contrasts = differences(view.warehouse, rows, reference, metric, list(best.sort_index().index))
    view.chart(charts.differences(contrasts, metric), "differences chart")
    st.caption(
        "The mean over common seeds of the difference on each seed, with its 95 % paired t "
        "interval (with two or more seeds). Hollow: the interval includes 0 (p is at least 0.05), "
        "or there is none. p: paired t-test of each row; Holm: corrected for "
        f"{len(rows) - 1:,} tests, but not for a reference chosen by its result."
        + (
            f" The {MAX_ROWS} highest of {len(rows):,} configurations."
            if len(rows) > MAX_ROWS
            else ""
        )
    )
    st.dataframe(_readable_differences(contrasts), hide_index=True, key="differences table")


def _readable_differences(contrasts: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "configuration": contrasts["label"],
            "difference": contrasts["difference"].map(three_decimals),
            "95 % interval": [range_text(*ends) for ends in contrasts[["low", "high"]].to_numpy()],
            "p": contrasts["p"].map(p_value_text),
            "p (Holm)": contrasts["p_holm"].map(p_value_text),
            "n": contrasts["n"],
        }
    )
