"""The page Search: all candidates, why some ended early, and the winners."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.hyperparameters import varying_hyperparameters
from dashboards.charts.importances import reason_for_nothing
from dashboards.data.candidates import read_candidates, read_learning_curves, read_searches
from dashboards.page import Page
from dashboards.pages.tables import (
    TABLE_WIDTH,
    row_height,
    show_table,
    table_height,
    text_width,
)
from orchestrator.columns import COLUMNS, SELECTABLE
from orchestrator.results.searches import titles_of_groups
from orchestrator.results.units import METRIC_FORMAT, OBJECTIVE, objective_text
from orchestrator.terminal.escaping import escape_markdown

LABELS = {f"val_{name}": COLUMNS[name].label for name in SELECTABLE}
TITLES = {
    "label": "candidate",
    "selected": "chosen",  # in sight on 800 pixels too, as is the status
    "status": "status",
    "objective": "objective",
    **LABELS,
    "tasks_done": "tasks",
    "n": "seeds",
}
ENDED = {"label": "candidate", "status": "status", "tasks_done": "tasks learned", "story": "why"}
SHOWN_WINNERS = 3
# Widths of columns in pixels, so that none is cut on 800; the name of the candidate has the rest.
WIDTHS = {"chosen": 58, "status": 78, "objective": 74, "forgetting": 78}
SMALL = 54  # of the others


def show(page: Page) -> None:
    """Draw the candidates of one search by hyperparameter, importance and learning curve."""
    table = read_candidates(page.warehouse, page.scope)
    if table.empty:
        st.info(
            "None of these sweeps searches hyperparameters, or no candidate has begun yet. "
            "A sweep with a `search:` section shows its candidates here."
        )
        return
    rows = _pick_search(table, titles_of_groups(page.warehouse.results.trials))
    document = read_searches(page.warehouse).get(rows.iloc[0]["sweep"])
    _show_protocol(document, rows)
    _show_winners(rows)
    _show_hyperparameters(page, rows, logarithmic_spaces(document, rows.iloc[0]["group"]))
    st.subheader("Learning curves")
    page.chart(charts.learning_curves(_curves(page, rows)), "learning chart")
    _show_ended_early(rows)
    st.subheader("Every candidate")
    _show_table(rows, tuple(TITLES), "candidates table")
    st.caption("Validation data, mean over the search's seeds; –: not known.")


def _show_hyperparameters(page: Page, rows: pd.DataFrame, logarithmic: Container[str]) -> None:
    st.subheader("Hyperparameters and objective")
    objective = "objective" if rows["objective"].notna().any() else "val_acc"
    page.chart(charts.parallel_coordinates(rows, objective, logarithmic), "parallel chart")
    st.caption(colours_text(rows, objective))
    ranked = rows[rows[objective].notna()]
    if reason := reason_for_nothing(len(ranked), len(varying_hyperparameters(ranked))):
        st.caption(reason)
    else:
        page.chart(charts.importance(rows, objective), "importance chart")


def colours_text(rows: pd.DataFrame, objective: str) -> str:
    """Return what the colours of the candidates' lines mean, of those that are drawn."""
    others = rows.loc[~rows["selected"].astype(bool), objective]
    sentences = {
        "Thick and orange: a winner.": rows["selected"].any(),
        "From light and thin to dark and thick: the objective, from low to high.": (
            others.notna().any()
        ),
        'Grey, to "not known": stopped before it had an objective.': others.isna().any(),
    }
    return " ".join(sentence for sentence, applies in sentences.items() if applies)


def _pick_search(table: pd.DataFrame, titles: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    groups = dict(list(table.groupby(["sweep", "group"], sort=False, dropna=False)))
    if len(groups) == 1:
        return table
    chosen = st.selectbox(
        "Search",
        list(groups),
        format_func=lambda names: f"{titles.get(names, names[1])} (sweep {names[0]})",
        key="search",
    )
    return groups[chosen]


def _show_protocol(document: dict[str, Any] | None, rows: pd.DataFrame) -> None:
    if document is None:
        st.info("search.json is missing or damaged, so the options of the search are not known.")
        return
    metrics, seeds = (_texts(document.get(name)) for name in ("metric", "seeds"))
    algorithm, scheduler = (escape_markdown(document.get(n)) for n in ("algorithm", "scheduler"))
    on = f"seed{'s' if len(seeds) != 1 else ''} {', '.join(seeds)}"
    st.markdown(
        f"{len(rows):,} candidates, drawn by **{algorithm}**, raced by **{scheduler}**, ranked by "
        f"**{', '.join(metrics)}** on validation data, {on}. "
        "Test data is not used."
    )


def logarithmic_spaces(document: dict[str, Any] | None, group: str) -> set[str]:
    """Return the hyperparameters of a group whose spaces `search.json` has as logarithmic."""
    spaces = ((document or {}).get("groups") or {}).get(group, {}).get("space") or {}
    kinds = {path: list(space) for path, space in spaces.items() if isinstance(space, dict)}
    return {
        name
        for path, kind in kinds.items()
        if any(str(word).startswith("log") for word in kind)
        for name in (path, f"method.{path}")
    }


def _texts(values: object) -> list[str]:
    return [escape_markdown(value) for value in values] if isinstance(values, list) else []


def _show_winners(rows: pd.DataFrame) -> None:
    won = rows[rows["selected"]]
    if won.empty:
        st.info("No candidate has been chosen yet.")
    if len(won) > SHOWN_WINNERS:
        st.success(f"{len(won)} were chosen: a front of several metrics, or one at each task.")
        _show_table(won, ("label", "objective", "tasks_done"), "winners table")
        return
    for row in won.to_dict("records"):
        value = row["objective"]
        objective = "" if pd.isna(value) else f", objective {objective_text(value)}"
        st.success(f"Chosen: {escape_markdown(row['label'])}{objective}")


def _curves(page: Page, rows: pd.DataFrame) -> pd.DataFrame:
    table = read_learning_curves(page.warehouse, page.scope)
    return table.merge(rows[["sweep", "trial_id"]])


def _show_ended_early(rows: pd.DataFrame) -> None:
    ended = rows[rows["status"] != "complete"]
    if ended.empty:
        st.caption("Every candidate learned the last task.")
        return
    st.subheader("Ended early, and why")
    show_table(ended[[*ENDED]].rename(columns=ENDED), "ended table")


def _show_table(rows: pd.DataFrame, columns: Sequence[str], key: str) -> None:
    number, titles = st.column_config.NumberColumn, [TITLES[name] for name in columns]
    widths = {title: WIDTHS.get(title, SMALL) for title in titles[1:]}
    name = TABLE_WIDTH - sum(widths.values())
    row = row_height(text_width(max(rows["label"], key=len)) / name)
    formats = dict.fromkeys(LABELS.values(), f"%{METRIC_FORMAT}") | {"objective": f"%.{OBJECTIVE}"}
    st.dataframe(
        rows[list(columns)].rename(columns=TITLES),
        hide_index=True,
        key=key,
        placeholder="–",
        width="stretch",
        height=table_height(len(rows), row),
        row_height=row,
        column_config={
            titles[0]: st.column_config.TextColumn(width=name),
            **{title: st.column_config.Column(width=width) for title, width in widths.items()},
            **{t: number(format=f, width=widths[t]) for t, f in formats.items() if t in widths},
        },
    )
