"""The page R matrix: R of a trial, and the cells that each metric reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import charts
from dashboards.charts.metric_cells import CELLS
from dashboards.charts.quantities import find_quantity, short_label
from dashboards.data.matrices import list_configurations, mean_matrix, mean_metrics, read_matrices
from dashboards.page import Page
from orchestrator.columns import METRICS, explain_undefined_fwt
from orchestrator.results.metrics import R
from orchestrator.results.units import decimal_text
from orchestrator.terminal.escaping import escape_markdown

MEAN = "mean"
BEST_OF_SEEDS = (
    " Forgetting is measured on each seed, from its own best cells, and then averaged; the marked "
    "cells are the best of the mean over seeds, whose forgetting is at most as large."
)
SIDE_BY_SIDE: dict[str, Any] = {"horizontal": True, "width": "content", "bind": "query-params"}


def show(page: Page) -> None:
    """Draw R of a configuration, of a seed or the mean, with the cells of a metric highlighted.

    The choices are in the address.
    """
    table = list_configurations(page.warehouse, page.scope)
    if table.empty:
        st.info("There is no trial to show.")
        return
    row = _pick_trial(table)
    choices = st.container(horizontal=True, gap="large")
    # Candidates have no test data, so that nothing can be selected by them.
    splits = ["validation"] if row["phase"] == "search" else ["test", "validation"]
    split = choices.radio("Accuracy on", splits, key="split", **SIDE_BY_SIDE)
    by_seed = read_matrices(page.warehouse, row["sweep"], row["trial_id"], split)
    measured = {seed: r for seed, r in by_seed.items() if (r == r).any()}
    _show_missing(row, by_seed, measured)
    if measured:
        _draw(page, row, measured, choices)


def _pick_trial(table: pd.DataFrame) -> pd.Series[Any]:
    rows = table.to_dict("records")

    def name(index: int) -> str:
        row = rows[index]
        end = "" if row["status"] == "complete" else f" ({row['status']})"
        setting = f"{row['benchmark']}, {row['scenario']}-incremental, sweep {row['sweep']}"
        searched = ", a candidate of the search" if row["phase"] == "search" else ""
        return f"{row['label']}{end} · {setting}{searched}"

    chosen = st.selectbox(
        "Trial", range(len(table)), format_func=name, key="trial", bind="query-params"
    )
    return table.iloc[chosen]


def _show_missing(row: pd.Series[Any], all_seeds: dict[int, R], measured: dict[int, R]) -> None:
    missing = [str(seed) for seed in all_seeds if seed not in measured]
    if missing:
        status = escape_markdown(row["status"])
        st.info(f"Nothing has been measured on seed {', '.join(missing)}: {status}.")
    if row["story"]:
        st.info(f"Reason: {escape_markdown(str(row['story']).partition(chr(10))[0])}")


def _draw(page: Page, row: pd.Series[Any], measured: dict[int, R], choices: DeltaGenerator) -> None:
    seeds: list[int | str] = [MEAN, *measured] if len(measured) > 1 else list(measured)
    seed = choices.radio("Seed", seeds, key="seed", **SIDE_BY_SIDE)
    uses = _pick_uses()
    shown = {seed: measured[seed]} if isinstance(seed, int) else measured
    r = mean_matrix(shown)
    _show_metrics(mean_metrics(shown, row["scenario"]))
    of_seeds = f"seed {seed}" if isinstance(seed, int) else f"mean of {len(shown)} seeds"
    figure = charts.r_matrix(r, None if uses == "none" else uses, row["label"], of_seeds)
    page.chart(figure, "R chart")
    why = explain_undefined_fwt(row["scenario"], len(r) - 1)
    best = BEST_OF_SEEDS if uses == "forgetting" and len(shown) > 1 else ""
    st.caption(
        "Cells above the white step are of tasks not learned yet; row 0 is the untrained network; "
        "grey cells were not measured." + (f" FWT is undefined here: {why}." if why else "") + best
    )


def _pick_uses() -> str:
    """Return the metric whose cells are highlighted, or "none"."""
    names = ["none", *(name for name in METRICS if name in CELLS)]
    heading = "Highlight the cells of"
    return st.radio(
        heading, names, 1, short_label, key="uses", horizontal=True, bind="query-params"
    )


def _show_metrics(figures: Mapping[str, float]) -> None:
    with st.container(horizontal=True):
        for metric in METRICS:
            text, title = decimal_text(figures[metric]), find_quantity(metric).title
            st.metric(short_label(metric), text, help=title, width=130)
