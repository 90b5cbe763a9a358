"""The parts of the report: for each table of comparable configurations its charts and captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pandas as pd
import plotly.graph_objects as go

from dashboards import charts
from dashboards.charts.quantities import human, interval
from dashboards.charts.searching import FEWEST, hyperparameters, importances
from dashboards.data.pairing import differences
from dashboards.data.scope import EVERYTHING
from dashboards.data.searching import candidates, learning_curves
from dashboards.data.spending import sharing, stages
from dashboards.data.warehouse import Warehouse
from dashboards.figures.canvas import title
from dashboards.gathering import accuracies, compared, matrix
from dashboards.report import captions
from orchestrator.columns import COLUMNS, SHOWN_METRICS
from orchestrator.errors import RepertoireError

# A page stays under 6 MB: configurations listed, and drawn one by one, are shared by its tables.
MOST_ROWS, MOST_DRAWN, MOST_EACH, MOST_MATRICES = 1200, 48, 16, 12
LABELS = tuple(COLUMNS[name].label for name in SHOWN_METRICS)
HEADERS = ("configuration", *LABELS, "storage", "computation", "seeds")
T = TypeVar("T")


@dataclass(frozen=True)
class Chart:
    """One chart, its heading, the finding in numbers, and whether it takes half a line."""

    heading: str
    caption: str
    figure: go.Figure
    half: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the page: a heading, sentences, a table as rows of cells, charts."""

    heading: str
    sentences: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    charts: Sequence[Chart] = field(default_factory=list)


def comparison_parts(warehouse: Warehouse) -> Iterator[Part]:
    """Yield a part for each table of comparable configurations."""
    table = compared(warehouse)
    if table.empty:
        yield Part("Results", ["No trial has completed, so there is nothing to compare yet."])
    num = max(1, table["table"].nunique())
    room, most = MOST_ROWS // num, max(1, min(MOST_EACH, MOST_DRAWN // num))
    for _, everyone in table.groupby("table", sort=False):
        rows, notes = _best(everyone, room), []
        shown = _best(rows, most)
        if len(everyone) > len(rows):
            notes += [
                f"These are the {room:,} of highest ACC; repertoire compare has {len(everyone):,}."
            ]
        if len(rows) > len(shown):
            notes += [f"Charts of single configurations show the {most} of highest ACC."]
        drawn = [*_overview(rows, shown), *readable(_details(warehouse, everyone, shown), notes)]
        yield Part(title(rows), notes, [HEADERS, *map(_cells, rows.to_dict("records"))], drawn)


def _best(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows of highest ACC, in the order they have."""
    best = rows.sort_values("acc_mean", ascending=False, kind="stable").head(most)
    return rows.loc[rows.index.isin(best.index)]


def readable(items: Iterable[T], notes: list[str]) -> list[T]:
    """Return the items up to the first for which a file is damaged, and say so in `said`."""
    items_read = []
    try:
        for item in items:
            items_read.append(item)  # not list(): what came before an error is kept
    except RepertoireError as error:
        notes += [line for line in [str(error).replace("`", "")] if line not in notes]
    return items_read


def _overview(rows: pd.DataFrame, shown: pd.DataFrame) -> list[Chart]:
    plane = charts.trade_off(rows.drop(columns="table").assign(table=0))
    return [
        Chart("Trade-off: what it buys and what it costs", captions.trade_off(rows), plane),
        Chart("Storage, by category", captions.storage(rows), charts.storage(shown)),
        Chart("Computation, by phase", captions.computation(rows), charts.computation(shown)),
    ]


def _details(warehouse: Warehouse, everyone: pd.DataFrame, shown: pd.DataFrame) -> Iterator[Chart]:
    curves = accuracies(warehouse, shown)
    if len(curves):
        notes = captions.forgetting(shown, curves)
        yield Chart(
            "Forgetting: each task as later ones are learned", notes, charts.forgetting(curves)
        )
    yield from _paired(warehouse, everyone, shown)
    for row in shown.head(MOST_MATRICES).to_dict("records"):
        own = curves[(curves["sweep"] == row["sweep"]) & (curves["trial_id"] == row["trial_id"])]
        if len(own):
            drawn = charts.r_matrix(matrix(own))
            yield Chart(f"R of {row['label']}", captions.matrix(row), drawn, half=True)


def _paired(warehouse: Warehouse, everyone: pd.DataFrame, shown: pd.DataFrame) -> Iterator[Chart]:
    """Yield the differences from finetune, or from the first where finetune is not there."""
    if len(everyone) < 2:
        return
    plain = everyone[everyone["method"] == "finetune"]
    reference = (plain if len(plain) else shown).index[0]
    items_read = differences(warehouse, everyone, reference, "acc", shown.index)
    if len(items_read):
        notes = captions.differences(items_read, "acc", len(everyone) - 1)
        yield Chart("Differences on the same seeds", notes, charts.differences(items_read))


def _cells(row: dict[object, object]) -> list[str]:
    metrics = [interval(_float(row[f"{m}_mean"]), _float(row[f"{m}_ci95"])) for m in SHOWN_METRICS]
    storage, work = (_float(row[f"{cost}_mean"]) for cost in ("storage_bytes", "compute_flops"))
    return [str(row["label"]), *metrics, human(storage, "B"), human(work, "FLOP"), str(row["n"])]


def _float(value: object) -> float:
    return float("nan") if value is None else float(str(value))


def search_parts(warehouse: Warehouse) -> Iterator[Part]:
    """Yield a part for each search: its candidates over tasks, and what mattered."""
    items_read, curves = (read(warehouse, EVERYTHING) for read in (candidates, learning_curves))
    for (sweep, group), rows in items_read.groupby(["sweep", "group"], sort=False, dropna=False):
        own = curves.merge(rows[["sweep", "trial_id"]])
        drawn = [
            Chart("Candidates as they learn", captions.search(rows), charts.learning_curves(own))
        ]
        known = rows[rows["objective"].notna()]
        names = hyperparameters(known)
        if len(known) >= FEWEST and len(names) > 1:
            notes = captions.importance(importances(known, names))
            drawn.append(Chart("Which hyperparameters mattered", notes, charts.importance(rows)))
        yield Part(f"Search: {group} (sweep {sweep})", charts=drawn)


def sharing_part(warehouse: Warehouse) -> Iterator[Part]:
    """Yield what the stage graph shared, if any stage has been computed."""
    rows = sharing(warehouse, EVERYTHING)
    if len(rows):
        drawn = charts.sharing(stages(warehouse, EVERYTHING))
        chart = Chart("Stages computed, and already there", captions.sharing(rows), drawn)
        yield Part("What sharing stages spared", charts=[chart])
