"""What every page of the dashboard is given: the results in scope, and how to show a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboards.charts import themed
from dashboards.data.folders import stamp
from dashboards.data.scope import COLUMNS, Scope, choices
from dashboards.data.warehouse import Warehouse
from orchestrator.errors import RepertoireError
from orchestrator.results.naming import TABLE
from orchestrator.results.protocol import title_of
from orchestrator.terminal.blocks import sweeps_of

PLURAL = {
    "sweep": "Sweeps",
    "benchmark": "Benchmarks",
    "scenario": "Scenarios",
    "method": "Methods",
}
SHOWN_NOTES = 6
LIGHT = "#F4F4F2"
CHART = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}


@dataclass(frozen=True)
class View:
    """The results a person looks at.

    Attributes:
        dirs: the folders that were opened.
        warehouse: their tables.
        scope: the part that is looked at, as chosen in the sidebar.
        dark: whether the page is dark.
    """

    dirs: tuple[Path, ...]
    warehouse: Warehouse
    scope: Scope
    dark: bool

    def chart(self, figure: go.Figure, key: str, on_light: bool = False, **options: Any) -> Any:
        """Show a figure in the colours of the page; return what was selected in it.

        Args:
            figure: for light paper, as charts are made.
            key: of the widget.
            on_light: keep it on light paper on a dark page too, for what has fixed dark ink.
            options: of `st.plotly_chart`.
        """
        drawn = themed(figure, self.dark and not on_light)
        if self.dark and on_light:
            drawn.update_layout(paper_bgcolor=LIGHT)
        return st.plotly_chart(drawn, theme=None, key=key, config=CHART, **options)

    def reload(self) -> View:
        """Return the same view of the tables as they are now."""
        return replace(self, warehouse=_open_warehouse(self.dirs, stamp(self.dirs)))

    def pick_table(self, rows: pd.DataFrame, key: str) -> pd.DataFrame:
        """Return the rows of one table, which a person picks where there are several.

        Args:
            rows: of `dashboards.data.comparing.configurations`.
            key: of the widget.
        """
        tables = tables_of(rows)
        if len(tables) == 1:
            (title,) = tables
            st.markdown(f"**{title}**")
            return tables[title]
        chosen = st.selectbox("Table", list(tables), key=key)
        st.caption("Tables are shown one at a time: what was tested otherwise is not comparable.")
        show_apart(rows)
        return tables[chosen]


def tables_of(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each table, by its title; only within one are rows comparable."""
    tables = [part.reset_index(drop=True) for _, part in rows.groupby("table", sort=False)]
    return {table_title(part): part for part in tables}


def show_apart(rows: pd.DataFrame) -> None:
    """Say why configurations of one setting are in several tables, if they are."""
    if rows.attrs.get("apart"):
        lines = "\n".join(f"- {line}" for line in rows.attrs["apart"])
        st.info(f"Not comparable, so not in one table:\n{lines}")


def table_title(rows: pd.DataFrame) -> str:
    """Return what the rows of a table have in common, in words."""
    sweeps = sweeps_of(rows)
    word = "sweep" if len(sweeps) == 1 else "sweeps"
    return f"{title_of(*rows[TABLE].iloc[0])} ({word} {', '.join(sweeps)})"


@st.cache_resource(max_entries=4, show_spinner=False)
def _open_warehouse(dirs: tuple[Path, ...], files: tuple[tuple[str, int, int], ...]) -> Warehouse:
    warehouse = Warehouse.open(*dirs)
    try:
        choices(warehouse)
    except RepertoireError:  # one damaged table of trials must not hide the others
        return Warehouse.open(*dirs, thorough=True)
    return warehouse


def open_view(dirs: tuple[Path, ...]) -> View:
    """Open folders, anew where a table has changed, and draw the filters in the sidebar."""
    warehouse = _open_warehouse(dirs, stamp(dirs))
    return View(dirs, warehouse, _filters(warehouse), st.context.theme.type == "dark")


def _filters(warehouse: Warehouse) -> Scope:
    offered = {column: values for column, values in choices(warehouse).items() if len(values) > 1}
    with st.sidebar:
        if offered:
            st.markdown("**Show only** (nothing chosen: all)")
        chosen = {
            column: tuple(st.multiselect(PLURAL[column], offered[column], key=f"filter {column}"))
            for column in COLUMNS
            if column in offered
        }
    return Scope(**chosen)


def show_counts(view: View) -> None:
    """Print how much there is in scope, and what is missing or damaged."""
    counts = view.warehouse.frame(
        "SELECT status, count(*) AS n, count(DISTINCT sweep) AS sweeps FROM trials "
        f"WHERE {view.scope.where()} GROUP BY status ORDER BY n DESC"
    )
    if len(counts):
        parts = [f"{n:,} {status}" for status, n in zip(counts["status"], counts["n"], strict=True)]
        with st.sidebar:
            st.caption(f"Trials, a seed each: {', '.join(parts)}.")
    elif not view.warehouse.notes:
        st.info("No trial is in the chosen scope. Take back a filter in the sidebar.")
    if notes := view.warehouse.notes:
        st.warning("\n\n".join(_first(notes)))
    with st.sidebar:
        for line in _first(view.warehouse.older):
            st.caption(line)


def _first(notes: Sequence[str]) -> list[str]:
    more = [f"And {len(notes) - SHOWN_NOTES} more like these."] if len(notes) > SHOWN_NOTES else []
    return [*notes[:SHOWN_NOTES], *more]
