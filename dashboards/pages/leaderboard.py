"""The page Leaderboard: mean and interval of each configuration, and paired differences."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import find_quantity, short_label
from dashboards.charts.short_names import short_texts
from dashboards.data.comparing import comparison_columns, configurations, differences
from dashboards.page import Page
from dashboards.pages.leaderboard_widths import (
    COSTS,
    NAME_COLUMN,
    SMALLEST,
    LeaderboardWidths,
    leaderboard_widths,
)
from dashboards.pages.tables import show_table, table_height
from dashboards.pages.wording import show_left_out, show_nothing_complete, show_undefined
from orchestrator.columns import METRICS, SHOWN_METRICS, is_small_better
from orchestrator.results.units import decimal_text, interval_text, p_value_text, range_text
from orchestrator.terminal.comparison.rendering import render

MAX_ROWS = 20  # configurations in the chart of differences
COST_TITLES = {"storage_bytes": "storage", "compute_flops": "compute"}  # column -> title
ORDERS = (*SHOWN_METRICS, *COST_TITLES, NAME_COLUMN)
WIDTH = 250  # of an input, in pixels


def show(page: Page) -> None:
    """Show a sortable table of one setting, downloads, and differences from a reference."""
    table = configurations(page.warehouse, page.scope)
    if table.empty:
        show_nothing_complete(table)
        return
    rows = page.pick_table(table)
    _show_rows(_pick_rows(rows))
    show_left_out(table)
    show_undefined(rows, *METRICS)
    _show_downloads(rows)
    _show_differences(page, rows)


def _show_rows(rows: pd.DataFrame) -> None:
    widths = leaderboard_widths(rows)
    st.dataframe(
        readable_table(rows, widths.letters),
        hide_index=True,
        width="stretch",
        height=table_height(len(rows), widths.row),
        key="leaderboard table",
        column_config=_column_config(widths),
        row_height=widths.row,
    )
    st.caption(
        "Test data. ± is half the 95 % Student-t interval of the mean over n seeds; –: "
        "undefined, or one seed. The address keeps table, order, filters and differences."
    )


def _pick_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the user chose by their names, in the order of the chosen column."""
    with st.container(horizontal=True):
        by = st.selectbox(
            "Sort by",
            ORDERS,
            format_func=column_title,
            key="sort",
            width=WIDTH,
            bind="query-params",
        )
        part = st.text_input(
            "Names with",
            placeholder="er memory_size",
            key="names",
            width=WIDTH,
            bind="query-params",
        )
    return sort_rows(filter_rows(rows, part or ""), by)


def filter_rows(rows: pd.DataFrame, words: str) -> pd.DataFrame:
    """Return the rows whose label has each of the words, in upper or lower case."""
    labels = rows["label"].str.lower()
    kept = pd.Series(True, rows.index)
    for word in words.lower().split():
        kept &= labels.str.contains(word, regex=False)
    return rows[kept]


def sort_rows(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the rows by a quantity, best first; undefined last."""
    if by == NAME_COLUMN:
        return rows.sort_values("label", kind="stable")
    return rows.sort_values(f"{by}_mean", ascending=is_small_better(by), kind="stable")


def column_title(name: str) -> str:
    """Return the title of a column of the table."""
    return COST_TITLES.get(name) or (name if name == NAME_COLUMN else short_label(name))


def readable_table(rows: pd.DataFrame, letters: int) -> pd.DataFrame:
    """Return the columns to show, as text: mean ± interval in a cell, costs with their units.

    Names of more letters are shortened, and differ still.
    """
    names = rows["label"].astype(str)
    cells = {
        NAME_COLUMN: names.mask(names.str.len() > letters, names.map(short_texts(names, letters)))
    }
    for name in SHOWN_METRICS:
        figures = zip(rows[f"{name}_mean"], rows[f"{name}_ci95"], strict=True)
        cells[column_title(name)] = [interval_text(mean, half) for mean, half in figures]
    for name, title in COST_TITLES.items():
        cells[title] = rows[f"{name}_mean"].map(find_quantity(name).value_text)
    return pd.DataFrame(cells | {"n": rows["n"]}, index=rows.index)


def _column_config(widths: LeaderboardWidths) -> dict[str, Any]:
    text = st.column_config.TextColumn
    return {
        NAME_COLUMN: text(pinned=True, width=widths.name),
        **{
            column_title(name): text(
                width=widths.metrics[name],
                help=find_quantity(name).title,
                alignment="right",
            )
            for name in SHOWN_METRICS
        },
        **{
            title: text(width=COSTS[name], help=find_quantity(name).title, alignment="right")
            for name, title in COST_TITLES.items()
        },
        "n": st.column_config.NumberColumn(width=SMALLEST, help="complete seeds"),
    }


def _show_downloads(rows: pd.DataFrame) -> None:
    table = rows[comparison_columns()].copy()
    table.attrs = {}
    name = f"{rows.iloc[0]['sweep']}-{rows.iloc[0]['scenario']}"
    with st.container(horizontal=True):
        st.download_button("CSV", render(table, "csv"), f"{name}.csv", "text/csv")
        st.download_button("LaTeX", render(table, "latex"), f"{name}.tex", "text/plain")


def _show_differences(page: Page, rows: pd.DataFrame) -> None:
    st.subheader("Paired differences")
    if len(rows) < 2:
        st.info("There is only one configuration, so there are no differences.")
        return
    label = list(rows["label"])
    methods = list(rows["method"])
    plain = methods.index("finetune") if "finetune" in methods else 0
    reference = st.selectbox(
        "Against",
        range(len(rows)),
        plain,
        format_func=label.__getitem__,
        key="against",
        bind="query-params",
    )
    metric = st.selectbox("In", METRICS, format_func=short_label, key="in", bind="query-params")
    best = rows.sort_values(f"{metric}_mean", ascending=False).head(MAX_ROWS)
    contrasts = differences(page.warehouse, rows, reference, metric, list(best.sort_index().index))
    contrasts = contrasts.sort_values("difference", ascending=False, kind="stable")
    page.chart(charts.differences(contrasts, metric), "differences chart")
    st.caption(_differences_caption(len(rows)))
    show_table(_readable_differences(contrasts), "differences table")


def _differences_caption(num: int) -> str:
    caption = (
        "The mean over common seeds of the difference on each seed, with its 95 % paired t "
        "interval (with two or more seeds). Hollow: the interval includes 0 (p is at least 0.05), "
        "or there is none. p: paired t-test of each row; Holm: corrected for "
        f"{num - 1:,} tests, but not for a reference chosen by its result."
    )
    shown = f" The {MAX_ROWS} highest of {num:,} configurations." if num > MAX_ROWS else ""
    return caption + shown


def _readable_differences(contrasts: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "configuration": contrasts["label"],
            "difference": contrasts["difference"].map(decimal_text),
            "95 % interval": [range_text(*ends) for ends in contrasts[["low", "high"]].to_numpy()],
            "p": contrasts["p"].map(p_value_text),
            "p (Holm)": contrasts["p_holm"].map(p_value_text),
            "n": contrasts["n"],
        }
    )
