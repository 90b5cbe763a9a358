"""Trade-off: what each configuration buys and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import quantity, short
from dashboards.data.comparing import COSTS, configurations
from dashboards.data.views import sql_literal
from dashboards.pages.wording import left_out, show_nothing_complete, undefined
from dashboards.view import View, show_apart, tables_of
from orchestrator.columns import METRICS
from orchestrator.results.pareto import on_front
from orchestrator.results.pooling import SETTING

FIRST = 2  # tables that are drawn before a person asks for more
WIDTH = 250  # of a choice, in pixels


def show(view: View) -> None:
    """Draw two costs against each other, a metric as colour; a click shows the configuration."""
    configured = configurations(view.warehouse, view.scope)
    if configured.empty:
        show_nothing_complete(configured)
        return
    x, y, colour = _axes(configured)
    undefined(configured, colour)
    tables = tables_of(configured)
    titles = list(tables)
    if len(titles) > FIRST:
        titles = st.multiselect("Tables", titles, titles[:FIRST], key="trade-off tables")
    for title in titles:
        st.markdown(f"**{title}**")
        _draw(view, tables[title], (x, y, colour), title)
    st.caption(
        "A point is a configuration, averaged over its seeds; larger: a wider 95 % interval of the "
        "colour's metric; hollow: one seed, no interval. Ringed: on the Pareto front, so no other "
        f"beats it in both costs and {short(colour)} by intervals that do not overlap. "
        "Click a point for its configuration."
    )
    show_apart(configured)
    left_out(configured)


def _axes(table: pd.DataFrame) -> tuple[str, str, str]:
    """Return the two costs and the metric that a person chose, among those with a value."""
    costs = [cost for cost in COSTS if (table[f"{cost}_mean"] > 0).any()]

    def pick(of: str, names: Sequence[str], first: str) -> str:
        at = names.index(first) if first in names else 0
        chosen = st.selectbox(of, names, at, format_func=title_of, key=of, width=WIDTH)
        return str(chosen)

    with st.container(horizontal=True):
        x = pick("Across", costs, "storage_bytes")
        y = pick("Up", costs, "compute_flops")
        return x, y, pick("Colour", METRICS, "acc")


def title_of(column: str) -> str:
    """Return a cost with its unit, or a metric's short name."""
    return short(column) if column in METRICS else quantity(column).title


def _draw(view: View, rows: pd.DataFrame, shown: tuple[str, str, str], key: str) -> None:
    # Within a table all is comparable, so it is one panel whatever the sweeps.
    front = rows.assign(front=on_front(rows, shown)).drop(columns=SETTING)
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
    st.subheader(rows.iloc[0]["label"])
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
