"""The page Equal means: what a byte buys and what a FLOP buys, method against method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from dashboards import charts
from dashboards.charts.agreement import agreement_sentences
from dashboards.charts.growth import describe_fits, growth_table
from dashboards.charts.quantities import short_label
from dashboards.charts.surface.winners import NO_WINNER
from dashboards.data.comparing import configurations
from dashboards.data.means import (
    read_costs,
    read_growth,
    read_search_costs,
    read_surfaces,
    select_cell,
    select_surface,
)
from dashboards.page import Page
from dashboards.pages.choices import first_choice
from dashboards.pages.pricing import show_prices
from dashboards.pages.tables import show_table
from orchestrator.columns import METRICS
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.escaping import escape_markdown
from orchestrator.terminal.growth_tables import distant_task, search_rows
from orchestrator.terminal.rate_tables import rate_rows
from orchestrator.terminal.surface_budgets import describe_excess, describe_networks
from orchestrator.terminal.surface_findings import findings
from orchestrator.terminal.surface_names import (
    cell_name,
    compute_name,
    seed_count_text,
    storage_name,
)

WIDTH = 250  # of a selection box, in pixels; one of long titles is as wide as the page
MOST_LINES = 12  # configurations in the chart of growth
RATE_WORDS = {
    "bytes": "what a doubling of bytes changes",
    "FLOPs": "what a doubling of FLOPs changes",
    "exchange": "how many bytes one GFLOP replaces",
}
NO_MEANS = (
    "None of these sweeps compares methods at equal means. A sweep with a section means, which "
    "fixes storage and computation, shows here what a byte and what a FLOP buy."
)


def show(page: Page) -> None:
    """Draw the surface of a sweep with means; of any sweep growth, and FLOPs against seconds."""
    metric = str(choose("Metric", METRICS, 0, short_label))
    surfaces = {each.title: each for each in read_surfaces(page.warehouse, page.scope, metric)}
    growth, costs = (read(page.warehouse, page.scope) for read in (read_growth, read_costs))
    if not surfaces:
        st.info(NO_MEANS)
    title = choose_setting(surfaces or dict.fromkeys([*growth["setting"], *costs["setting"]]))
    if surface := surfaces.get(title):
        place = _show_surface(page, surface, metric)
        _show_growth(page, select_cell(growth, surface, place), surface, cell_name(surface, *place))
        costs = select_surface(costs, surface)
    else:
        _show_growth(page, growth[growth["setting"] == title])
        costs = costs[costs["setting"] == title]
    _show_agreement(page, costs, surface)


def choose_setting(titles: Iterable[str]) -> str:
    """Return the title of the setting that the user chose; "" if there is none."""
    options = [*titles]
    if len(options) > 1:
        return str(choose("Setting", options, 0, width="stretch"))
    return "".join(options)


def choose(
    label: str,
    options: Sequence[Any],
    first: int,
    name: Any = str,
    width: int | Literal["stretch"] = WIDTH,
) -> Any:
    """Return the option that the user chose, which the address keeps."""
    return st.selectbox(
        label,
        options,
        first,
        format_func=name,
        key=label.lower().replace(" ", "-"),
        width=width,
        bind="query-params",
    )


def _show_surface(page: Page, surface: Surface, metric: str) -> tuple[int, int]:
    """Draw a surface; return the numbers of the chosen storage and computation."""
    st.markdown(f"**{escape_markdown(surface.title)}**, {seed_count_text(surface)}")
    st.subheader("Who wins where")
    page.chart(charts.winners(surface), "winners chart")
    st.caption(
        f"The best in {short_label(metric)} of each cell. A filled cell has one winner; in an "
        "unfilled one the methods of the strip are not told apart (paired t-tests, Holm's "
        f"correction for all pairs). {NO_WINNER}"
    )
    _show_findings(surface, metric)
    _show_search(page, surface)
    place = _show_budgets(page, surface, metric)
    _show_method(page, surface, metric)
    show_prices(page, surface, metric)
    return place


def _show_findings(surface: Surface, metric: str) -> None:
    # The other findings are worded for ACC.
    limits = [*describe_networks(surface), *describe_excess(surface)]
    limits = [surface.note, *limits] if surface.note else limits
    lines = findings(surface) if metric == "acc" else limits
    st.markdown("\n".join(f"- {escape_markdown(line)}" for line in lines))


def _show_search(page: Page, surface: Surface) -> None:
    heads, *rows = search_rows(read_search_costs(page.warehouse, surface)) or [()]
    if rows:
        table = pd.DataFrame(rows, columns=list(heads))
        st.dataframe(table, hide_index=True, key="search costs")
        st.caption("What the search within cells cost, beside the trials that it chose.")


def _show_budgets(page: Page, surface: Surface, metric: str) -> tuple[int, int]:
    st.subheader(f"{short_label(metric)} against bytes and against FLOPs")
    sizes = list(map(storage_name, surface.storage))
    epochs = list(map(compute_name, surface.compute))
    with st.container(horizontal=True):
        compute = epochs.index(choose("At computation", epochs, len(epochs) - 1))
        storage = sizes.index(choose("At storage", sizes, len(sizes) - 1))
    page.chart(charts.storage_chart(surface, compute, metric), "bytes chart")
    st.caption(
        f"At {epochs[compute]}. Bars are 95 % intervals over seeds; dashed: joint retraining; "
        "crosses: budgets that a method does not fit."
    )
    page.chart(charts.compute_chart(surface, storage, metric), "computation chart")
    st.caption(
        f"At {sizes[storage]}. A ring is where joint retraining overtakes a method for good."
    )
    return storage, compute


def _show_method(page: Page, surface: Surface, metric: str) -> None:
    st.subheader("One method over the grid")
    method = surface.methods.index(choose("Method", surface.methods, 0))
    page.chart(charts.accuracies(surface, method, metric), "grid chart")
    st.caption(
        "White lines join equal values. Hatched: does not fit, above its budget, not complete, or "
        "not asked for."
    )
    name = surface.methods[method]
    for what, words in RATE_WORDS.items():
        heads, *rows = rate_rows(surface, what) or [()]
        own = [row[1:] for row in rows if row[0] == name]
        if own:
            table = pd.DataFrame(own, columns=list(heads[1:]))
            show_table(table, f"{what} rates")
            st.caption(f"{escape_markdown(name)}: {words}, with 95 % intervals over seeds.")
        else:
            st.caption(f"{escape_markdown(name)}: no value for {words}.")


def _show_growth(
    page: Page, costs: pd.DataFrame, surface: Surface | None = None, cell: str = ""
) -> None:
    if costs.empty:
        return
    st.subheader("Growth with the number of tasks" + (f", at {cell}" if cell else ""))
    labels = list(costs["label"].unique())
    shown = first_labels(costs, configurations(page.warehouse, page.scope))
    if len(labels) > MOST_LINES:
        shown = st.multiselect("Configurations", labels, shown, key="growth of")
    num_tasks = _pick_num_tasks(costs)
    rows = costs[costs["label"].isin(shown)]
    page.chart(charts.growth(rows, num_tasks, surface), "growth chart")
    show_table(growth_table(rows, num_tasks), "growth table")
    st.caption(describe_fits(rows))


def first_labels(costs: pd.DataFrame, compared: pd.DataFrame) -> list[str]:
    """Return the labels of costs to draw first: of the best of each method by ACC.

    Args:
        costs: as from `read_growth`.
        compared: as from `configurations`.
    """
    rows = compared[compared["trial_id"].isin(costs["trial_id"])].drop_duplicates("trial_id")
    best = rows.loc[first_choice(rows, MOST_LINES), "trial_id"]
    return list(costs.loc[costs["trial_id"].isin(best), "label"].unique())


def _pick_num_tasks(costs: pd.DataFrame) -> int:
    num_tasks = st.number_input(
        "Extrapolate to tasks",
        int(costs["after"].max()),
        10_000,
        distant_task(costs),
        key="tasks",
        width=WIDTH,
        bind="query-params",
    )
    return int(num_tasks)


def _show_agreement(page: Page, costs: pd.DataFrame, surface: Surface | None) -> None:
    if costs.empty:
        return
    st.subheader("FLOPs against seconds")
    page.chart(charts.agreement(costs, surface), "agreement chart")
    for line in agreement_sentences(costs):
        st.markdown(escape_markdown(line))
