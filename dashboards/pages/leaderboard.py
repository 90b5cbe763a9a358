"""Leaderboard: mean and interval of each configuration, and paired differences."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import quantity, short
from dashboards.data.comparing import comparison_columns, configurations
from dashboards.data.pairing import differences
from dashboards.pages.wording import left_out, show_nothing_complete, undefined
from dashboards.view import View
from orchestrator.columns import METRICS
from orchestrator.terminal.rendering import render
from orchestrator.terminal.units import p_value, span, thousandths

MOST = 20  # configurations in a drawing of differences
UNITS = {"storage_bytes": ("storage (kB)", 1e3), "compute_flops": ("compute (GFLOP)", 1e9)}


def show(view: View) -> None:
    """Show a sortable table of one setting, downloads, and differences from a reference."""
    table = configurations(view.warehouse, view.scope)
    if table.empty:
        show_nothing_complete(table)
        return
    rows = view.pick_table(table, "leaderboard of")
    st.dataframe(
        readable(rows),
        hide_index=True,
        width="stretch",
        key="leaderboard table",
        placeholder="–",
        column_config=_columns(),
    )
    st.caption(
        "Test data. ± is half the 95 % Student-t interval of the mean over n seeds; –: "
        "undefined, or one seed. Click a column to sort."
    )
    left_out(table)
    undefined(rows, *METRICS)
    _downloads(rows)
    _differences(view, rows)


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are shown, costs in human units, best ACC first."""
    shown = {"configuration": rows["label"]}
    for metric in METRICS:
        shown |= {
            short(metric): rows[f"{metric}_mean"],
            f"± {short(metric)}": rows[f"{metric}_ci95"],
        }
    shown |= {title: rows[f"{cost}_mean"] / scale for cost, (title, scale) in UNITS.items()}
    return pd.DataFrame(shown | {"n": rows["n"]}).sort_values("ACC", ascending=False)


def _columns() -> dict[str, Any]:
    metrics = [f"{mark}{short(metric)}" for metric in METRICS for mark in ("", "± ")]
    number = st.column_config.NumberColumn
    return {
        "configuration": st.column_config.TextColumn(pinned=True),
        **{name: number(format="%.3f") for name in metrics},
        **{title: number(format="%.1f") for title, _ in UNITS.values()},
        "n": number(help="complete seeds"),
    }


def _downloads(rows: pd.DataFrame) -> None:
    table = rows[comparison_columns()].copy()
    table.attrs = {}
    name = f"{rows.iloc[0]['sweep']}-{rows.iloc[0]['scenario']}"
    with st.container(horizontal=True):
        st.download_button("CSV", render(table, "csv"), f"{name}.csv", "text/csv")
        st.download_button("LaTeX", render(table, "latex"), f"{name}.tex", "text/plain")


def _differences(view: View, rows: pd.DataFrame) -> None:
    st.subheader("Paired differences")
    if len(rows) < 2:
        st.info("There is one configuration, so there is nothing to hold it against.")
        return
    label = list(rows["label"])
    methods = list(rows["method"])
    plain = methods.index("finetune") if "finetune" in methods else 0
    reference = st.selectbox("Against", range(len(rows)), plain, format_func=label.__getitem__)
    metric = st.selectbox("In", METRICS, format_func=lambda name: quantity(name).title)
    best = rows.sort_values(f"{metric}_mean", ascending=False).head(MOST)
    contrasts = differences(view.warehouse, rows, reference, metric, list(best.sort_index().index))
    view.chart(charts.differences(contrasts, metric), "differences chart")
    st.caption(
        "The mean over common seeds of the difference on each seed, with its 95 % paired t "
        "interval (from two seeds on); hollow: it holds 0 (so p is at least 0.05), or there is "
        "none. p: paired t-test, each row by itself; Holm: corrected for the number of rows, "
        f"{len(rows):,}, not for choosing the reference by its result."
        + (f" The {MOST} highest of {len(rows):,} configurations." if len(rows) > MOST else "")
    )
    st.dataframe(_readable_differences(contrasts), hide_index=True, key="differences table")


def _readable_differences(contrasts: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "configuration": contrasts["label"],
            "difference": contrasts["difference"].map(thousandths),
            "95 % interval": [span(*ends) for ends in contrasts[["low", "high"]].to_numpy()],
            "p": contrasts["p"].map(p_value),
            "p (Holm)": contrasts["p_holm"].map(p_value),
            "n": contrasts["n"],
        }
    )
