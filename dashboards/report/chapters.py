"""Chapters of the report on each table of results: its rows, charts and captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import pandas as pd

from dashboards import charts
from dashboards.charts.quantities import find_quantity
from dashboards.charts.short_names import shorten_budgets
from dashboards.data.comparing import compare_configurations, differences
from dashboards.data.matrices import mean_r, read_average_curves, read_curves
from dashboards.data.warehouse import Warehouse
from dashboards.report import captions, cost_captions
from dashboards.report.chapter import Chapter, Chart
from orchestrator.columns import COLUMNS, SHOWN_METRICS
from orchestrator.errors import RepertoireError
from orchestrator.results.units import interval_text
from orchestrator.terminal.comparison.blocks import table_title

# Limits of all tables together, so that a page has less than 6 MB: rows, and rows with own charts.
MOST_ROWS, MOST_DRAWN, MOST_EACH, MOST_MATRICES = 1200, 48, 16, 12
HALF_HEIGHT = 380  # of a chart that has half the width, in pixels
LABELS = tuple(COLUMNS[name].label for name in SHOWN_METRICS)
HEADERS = ("configuration", *LABELS, "storage", "compute", "seeds")
T = TypeVar("T")


def comparison_chapters(warehouse: Warehouse) -> Iterator[Chapter]:
    """Yield a chapter for each table of comparable configurations."""
    table = compare_configurations(warehouse)
    table = table.assign(label=table["label"].map(shorten_budgets))
    if table.empty:
        yield Chapter("Results", ["No trial has completed, so there is nothing to compare yet."])
    num = max(1, table["table"].nunique())
    room, most = MOST_ROWS // num, max(1, min(MOST_EACH, MOST_DRAWN // num))
    for _, rows in table.groupby("table", sort=False):
        yield _table_chapter(warehouse, rows, room, most)


def _table_chapter(warehouse: Warehouse, all_rows: pd.DataFrame, room: int, most: int) -> Chapter:
    """Return the chapter of a table: `room` rows of highest ACC, `most` of them in own charts."""
    rows, notes = _highest_rows(all_rows, room), []
    shown = _highest_rows(rows, most)
    if len(all_rows) > len(rows):
        notes += [
            f"These are the {room:,} of highest ACC; repertoire compare has {len(all_rows):,}."
        ]
    if len(rows) > len(shown):
        notes += [f"Charts of single configurations show the {most} of highest ACC."]
    drawn = [
        *_overview_charts(rows, shown),
        *take_readable(_detail_charts(warehouse, all_rows, shown), notes),
    ]
    cells = [HEADERS, *map(_cells, rows.to_dict("records"))]
    return Chapter(table_title(rows), notes, cells, drawn)


def _highest_rows(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    best = rows.sort_values("acc_mean", ascending=False, kind="stable").head(most)
    return rows.loc[rows.index.isin(best.index)]


def take_readable(items: Iterable[T], notes: list[str]) -> list[T]:
    """Return the items up to the first damaged file; add a line on that file to `notes`."""
    items_read = []
    try:
        for item in items:
            items_read.append(item)  # not list(), which would lose the items before an error
    except RepertoireError as error:
        notes += [line for line in [str(error).replace("`", "")] if line not in notes]
    return items_read


def _overview_charts(rows: pd.DataFrame, shown: pd.DataFrame) -> list[Chart]:
    one_table = rows.assign(table=0)
    return [
        Chart(
            "Trade-off: what it buys and what it costs",
            f"{captions.trade_off(rows)} {captions.describe_marks(rows)}",
            charts.trade_off(one_table),
        ),
        Chart("The plane of the two costs", captions.COST_PLANE, charts.cost_plane(one_table)),
        Chart("Storage, by category", cost_captions.storage(rows), charts.storage(shown)),
        Chart("Computation, by phase", cost_captions.computation(rows), charts.computation(shown)),
    ]


def _detail_charts(
    warehouse: Warehouse, all_rows: pd.DataFrame, shown: pd.DataFrame
) -> Iterator[Chart]:
    curves = read_curves(warehouse, shown)
    if len(curves):
        seen = read_average_curves(warehouse, shown)
        yield Chart("Accuracy over the tasks seen", captions.SEEN, charts.average_accuracy(seen))
        notes = captions.forgetting(shown, curves)
        yield Chart(
            "Forgetting: each task as later ones are learned", notes, charts.forgetting(curves)
        )
    yield from _paired_charts(warehouse, all_rows, shown)
    for row in shown.head(MOST_MATRICES).to_dict("records"):
        own = curves[(curves["sweep"] == row["sweep"]) & (curves["trial_id"] == row["trial_id"])]
        if len(own):
            drawn = charts.r_matrix(mean_r(own))
            drawn.update_layout(height=min(drawn.layout.height, HALF_HEIGHT))
            yield Chart(f"R of {row['label']}", captions.matrix(row), drawn, half=True)


def _paired_charts(
    warehouse: Warehouse, all_rows: pd.DataFrame, shown: pd.DataFrame
) -> Iterator[Chart]:
    """Yield the differences from finetune, or from the first row without finetune."""
    if len(all_rows) < 2:
        return
    plain = all_rows[all_rows["method"] == "finetune"]
    reference = (plain if len(plain) else shown).index[0]
    table = differences(warehouse, all_rows, reference, "acc", shown.index)
    if len(table):
        notes = captions.differences(table, "acc", len(all_rows) - 1)
        yield Chart("Differences on the same seeds", notes, charts.differences(table))


def _cells(row: dict[object, object]) -> list[str]:
    metrics = [
        interval_text(_float(row[f"{m}_mean"]), _float(row[f"{m}_ci95"])) for m in SHOWN_METRICS
    ]
    storage, work = (_float(row[f"{cost}_mean"]) for cost in ("storage_bytes", "compute_flops"))
    return [
        str(row["label"]),
        *metrics,
        find_quantity("storage_bytes").value_text(storage),
        find_quantity("compute_flops").value_text(work),
        str(row["n"]),
    ]


def _float(value: object) -> float:
    return float("nan") if value is None else float(str(value))
