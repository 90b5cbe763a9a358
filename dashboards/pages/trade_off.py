"""The page Trade-off: two costs and a metric of each configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import find_quantity, short_label
from dashboards.data.comparing import COSTS, configurations
from dashboards.data.views import sql_literal
from dashboards.pages.wording import show_left_out, show_nothing_complete, show_undefined
from dashboards.view import View, show_separation, split_tables
from orchestrator.columns import METRICS
from orchestrator.results.pareto import front_mask
from orchestrator.results.pooling import SETTING
from orchestrator.terminal.escaping import escape_markdown

FIRST = 2  # tables drawn before the user chooses others
WIDTH = 250  # of a selection box, in pixels


def show(view: View) -> None:
    """Draw two costs against each other with a metric as colour; a click shows a configuration."""
    configured = configurations(view.warehouse, view.scope)
    if configured.empty:
        show_nothing_complete(configured)
        return
    x, y, colour = _pick_axes(configured)
    show_undefined(configured, colour)
    tables = split_tables(configured)
    titles = list(tables)
    if len(titles) > FIRST:
        titles = st.multiselect("Tables", titles, titles[:FIRST], key="trade-off tables")
    for title in titles:
        st.markdown(f"**{escape_markdown(title)}**")
        _draw(view, tables[title], (x, y, colour), title)
    st.caption(
        "A point is a configuration, averaged over its seeds; its size is the width of the 95 % "
        "interval of the coloured metric; hollow: one seed, no interval. Ring: on the Pareto "
        f"front, no other point beats it in both costs and {short_label(colour)} by intervals that "
        "do not overlap. Click a point for its configuration."
    )
    show_separation(configured)
    show_left_out(configured)


def _pick_axes(table: pd.DataFrame) -> tuple[str, str, str]:
    """Return the two costs and the metric that the user chose, of those with a value."""
    costs = [cost for cost in COSTS if (table[f"{cost}_mean"] > 0).any()]

    def pick(label: str, names: Sequence[str], first: str) -> str:
        at = names.index(first) if first in names else 0
        chosen = st.selectbox(label, names, at, format_func=axis_title, key=label, width=WIDTH)
        return str(chosen)

    with st.container(horizontal=True):
        x = pick("Across", costs, "storage_bytes")
        y = pick("Up", costs, "compute_flops")
        return x, y, pick("Colour", METRICS, "acc")


def axis_title(column: str) -> str:
    """Return a cost with its unit, or a metric's short name."""
    return short_label(column) if column in METRICS else find_quantity(column).title


def _draw(view: View, rows: pd.DataFrame, shown: tuple[str, str, str], key: str) -> None:
    # All rows of a table are comparable, so they share a panel.
    front = rows.assign(front=front_mask(rows, shown)).drop(columns=SETTING)
    chosen = view.chart(
        charts.trade_off(front, *shown),
        f"trade-off {key}",
        on_select="rerun",
        selection_mode="points",
    )
    _show_clicked(view, rows, chosen)


def _show_clicked(view: View, table: pd.DataFrame, chosen: Any) -> None:
    ids = [point.get("customdata") for point in chosen.selection.points]
    rows = table[table["trial_id"].isin(pd.Series(ids, dtype=object).explode())]
    if rows.empty:
        return
    st.subheader(escape_markdown(rows.iloc[0]["label"]))
    configured = view.warehouse.configurations(
        f"trial_id = {sql_literal(rows.iloc[0]['trial_id'])}"
    )
    config = configured.iloc[0].filter(like="config.").dropna()
    settings = pd.DataFrame(
        {
            "setting": config.index.str.removeprefix("config."),
            "value": config.astype(str).to_numpy(),
        }
    )
    st.dataframe(settings, hide_index=True)
