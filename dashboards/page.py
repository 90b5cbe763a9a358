"""What every page of the dashboard receives: the results in scope, and how its charts look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboards.charts import apply_theme
from dashboards.data.folders import file_states
from dashboards.data.scope import SCOPE_COLUMNS, Scope, list_choices
from dashboards.data.sql_views import STATUS_TEXT
from dashboards.data.warehouse import Warehouse
from orchestrator.terminal.comparison.blocks import table_title
from orchestrator.terminal.escaping import escape_markdown

PLURAL = {
    "sweep": "Sweeps",
    "benchmark": "Benchmarks",
    "scenario": "Scenarios",
    "method": "Methods",
}
SHOWN_NOTES = 6
CHART = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}


@dataclass(frozen=True)
class Page:
    """The results that a page shows.

    Attributes:
        dirs: the folders that were opened.
        warehouse: their tables.
        scope: the part that was chosen in the sidebar.
        dark: whether the page has a dark background.
    """

    dirs: tuple[Path, ...]
    warehouse: Warehouse
    scope: Scope
    dark: bool

    def chart(self, figure: go.Figure, key: str, **options: Any) -> Any:
        """Show a figure in the colours of the page; return the selected points.

        Args:
            figure: a figure of `charts`, for a light background.
            key: key of the widget.
            options: of `st.plotly_chart`.
        """
        drawn = apply_theme(figure, self.dark)
        return st.plotly_chart(drawn, theme=None, key=key, config=CHART, **options)

    def reload(self) -> Page:
        """Return the page with the present tables."""
        return replace(self, warehouse=open_tables(self.dirs))

    def pick_table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of one table, chosen by the user if there are several; see the address.

        Args:
            rows: rows of `dashboards.data.comparing.configurations`.
        """
        tables = split_tables(rows)
        if len(tables) == 1:
            (title,) = tables
            st.markdown(f"**{escape_markdown(title)}**")
            return tables[title]
        chosen = st.selectbox("Table", list(tables), key="table", bind="query-params")
        st.caption("Tables are shown one at a time, since rows of two tables are not comparable.")
        show_separation(rows)
        return tables[chosen]


def split_tables(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return title -> rows of each table; rows of one table are comparable."""
    tables = [part.reset_index(drop=True) for _, part in rows.groupby("table", sort=False)]
    return {table_title(part): part for part in tables}


def show_separation(rows: pd.DataFrame) -> None:
    """Show why configurations of one setting are in several tables, if they are."""
    if rows.attrs.get("apart"):
        lines = "\n".join(f"- {escape_markdown(line)}" for line in rows.attrs["apart"])
        st.info(f"Not comparable, so in separate tables:\n{lines}")


@st.cache_resource(max_entries=4, show_spinner=False)
def _open_warehouse(dirs: tuple[Path, ...], files: tuple[tuple[str, int, int], ...]) -> Warehouse:
    return Warehouse.open(*dirs)


def open_tables(dirs: tuple[Path, ...]) -> Warehouse:
    """Return the tables of folders, which are read again only if one has changed."""
    return _open_warehouse(dirs, file_states(dirs))


def open_page(dirs: tuple[Path, ...]) -> Page:
    """Open folders, again if a table has changed, and draw the filters in the sidebar."""
    warehouse = open_tables(dirs)
    return Page(dirs, warehouse, _filters(warehouse), st.context.theme.type == "dark")


def _filters(warehouse: Warehouse) -> Scope:
    choices = {
        column: values for column, values in list_choices(warehouse).items() if len(values) > 1
    }
    with st.sidebar:
        if choices:
            st.markdown("**Show only** (nothing chosen: all)")
        chosen = {
            column: tuple(
                st.multiselect(
                    PLURAL[column], choices[column], key=f"filter {column}", bind="query-params"
                )
            )
            for column in SCOPE_COLUMNS
            if column in choices
        }
    return Scope(**chosen)


def show_counts(page: Page) -> None:
    """Show the number of trials in scope, and notes on missing or damaged tables."""
    _show_statuses(page)
    if notes := page.warehouse.notes:
        st.warning("\n\n".join(_shorten_notes(notes)))
    with st.sidebar:
        for line in _shorten_notes(page.warehouse.older):
            st.caption(line)


def _show_statuses(page: Page) -> None:
    counts = page.warehouse.frame(
        f"SELECT {STATUS_TEXT} AS words, count(*) AS n FROM trials "
        f"WHERE {page.scope.where()} GROUP BY words ORDER BY n DESC"
    )
    if len(counts):
        parts = [
            f"{n:,} {escape_markdown(status)}"
            for status, n in zip(counts["words"], counts["n"], strict=True)
        ]
        with st.sidebar:
            st.caption(f"Trials, a seed each: {', '.join(parts)}.")
    elif not page.warehouse.notes:  # the notes would say why there is none
        st.info("No trial is in the chosen scope. Remove a filter in the sidebar.")


def _shorten_notes(notes: Sequence[str]) -> list[str]:
    more = [f"And {len(notes) - SHOWN_NOTES} more like these."] if len(notes) > SHOWN_NOTES else []
    return [*map(escape_markdown, notes[:SHOWN_NOTES]), *more]
