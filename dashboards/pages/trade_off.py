"""The page Trade-off: a metric of each configuration against two costs, or the plane of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboards import charts
from dashboards.charts.quantities import find_quantity, short_label
from dashboards.charts.tradeoff_labels import FEW, is_few
from dashboards.data.comparing import MEAN_COSTS, configurations
from dashboards.data.sql_views import sql_literal
from dashboards.page import Page, show_separation, split_tables
from dashboards.pages.wording import show_left_out, show_nothing_complete, show_undefined
from orchestrator.columns import COLUMNS, METRICS
from orchestrator.results.pareto import front_mask
from orchestrator.results.pooling import IN_TABLE
from orchestrator.terminal.escaping import escape_markdown

FIRST = 2  # tables drawn before the user chooses others
LONGEST = 20  # characters of a cost's name in a selection box; of a longer one it is the label
AXES, PLANE = "two panels", "plane of costs"
# View -> labels of the selection of its metric and its two costs.
VIEWS = {AXES: ("Metric", "Left", "Right"), PLANE: ("Colour", "Across", "Up")}
CAPTIONS = {
    AXES: "A point is a configuration, averaged over its seeds; bars are 95 % intervals (absent "
    "with one seed). The line is the Pareto front of the means of a panel. A point is hollow if "
    "another beats it in both quantities of the panel by intervals that do not overlap. Click a "
    "point for its configuration.",
    PLANE: "A point is a configuration, averaged over its seeds; its size is the width of the 95 % "
    "interval of the coloured metric; hollow: one seed, no interval. Ring: on the Pareto front, no "
    "other point beats it in both costs and the metric by intervals that do not overlap. Click a "
    "point for its configuration.",
}
# Added where a table has many rows.
MANY_CAPTIONS = {
    AXES: f"Of more than {FEW} points, those on the front and the best of each method have bars "
    "and, where there is room, labels; the others are small. Point at one to see its name and its "
    "intervals, or choose methods in the sidebar to see fewer.",
    PLANE: f"Of more than {FEW} points, those off the front are small and of one size. Point at "
    "one to see its name and its intervals, or choose methods in the sidebar to see fewer.",
}


def show(page: Page) -> None:
    """Draw a metric against two costs, or the plane of both; a click shows a configuration."""
    configured = configurations(page.warehouse, page.scope)
    if configured.empty:
        show_nothing_complete(configured)
        return
    view = _pick_view()
    with st.container(horizontal=True):
        metric, costs = _pick_axes(configured, VIEWS[view])
    show_undefined(configured, metric)
    draw = draw_plane if view == PLANE else draw_axes
    tables = _pick_tables(split_tables(configured))
    for title, table in tables.items():
        st.markdown(f"**{escape_markdown(title)}**")
        # All rows of a table are comparable, so they share a panel.
        rows = table.drop(columns=IN_TABLE)
        _show_chart(page, table, draw(rows, metric, costs), title)
    few = all(map(is_few, tables.values()))
    st.caption(" ".join([CAPTIONS[view], *([] if few else [MANY_CAPTIONS[view]])]))
    show_separation(configured)
    show_left_out(configured)


def _pick_view() -> str:
    chosen = st.segmented_control(
        "View", list(VIEWS), default=AXES, key="view", bind="query-params"
    )
    return chosen or AXES  # a second click on the chosen view leaves none


def _pick_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    titles = list(tables)
    if len(titles) > FIRST:
        titles = st.multiselect("Tables", titles, titles[:FIRST], key="tables", bind="query-params")
    return {title: tables[title] for title in titles}


def draw_axes(rows: pd.DataFrame, metric: str, costs: tuple[str, str]) -> go.Figure:
    """Draw the metric against each of the costs."""
    return charts.trade_off(rows, metric, costs)


def draw_plane(rows: pd.DataFrame, metric: str, costs: tuple[str, str]) -> go.Figure:
    """Draw the costs against each other, with the metric as colour and the front ringed."""
    shown = (*costs, metric)
    return charts.cost_plane(rows.assign(front=front_mask(rows, shown)), *shown)


def _pick_axes(table: pd.DataFrame, labels: Sequence[str]) -> tuple[str, tuple[str, str]]:
    """Return the metric and the two costs that the user chose, of those with a value."""
    costs = [cost for cost in MEAN_COSTS if (table[f"{cost}_mean"] > 0).any()]

    def pick(label: str, names: Sequence[str], first: str) -> str:
        at = names.index(first) if first in names else 0
        key = label.lower().replace(" ", "-")
        chosen = st.selectbox(
            label, names, at, format_func=option_title, key=key, bind="query-params"
        )
        return str(chosen)

    metric = pick(labels[0], METRICS, "acc")
    return metric, (
        pick(labels[1], costs, "storage_bytes"),
        pick(labels[2], costs, "compute_flops"),
    )


def option_title(column: str) -> str:
    """Return a metric's short name, or a cost, short enough for a selection box, with its unit."""
    if column in METRICS:
        return short_label(column)
    cost = find_quantity(column)
    words = cost.words if len(cost.words) <= LONGEST else COLUMNS[column].label
    return replace(cost, words=words).title


def _show_chart(page: Page, rows: pd.DataFrame, figure: go.Figure, key: str) -> None:
    chosen = page.chart(figure, f"trade-off {key}", on_select="rerun", selection_mode="points")
    _show_selection(page, rows, chosen)


def _show_selection(page: Page, table: pd.DataFrame, chosen: Any) -> None:
    ids = [point.get("customdata") for point in chosen.selection.points]
    rows = table[table["trial_id"].isin(pd.Series(ids, dtype=object).explode())]
    if rows.empty:
        return
    st.subheader(escape_markdown(rows.iloc[0]["label"]))
    configured = page.warehouse.configurations(
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
