"""Chapters of the report on searches and on shared stages."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards import charts
from dashboards.charts.hyperparameters import varying_hyperparameters
from dashboards.charts.importances import MIN_CANDIDATES, importances
from dashboards.data.candidates import read_candidates, read_learning_curves
from dashboards.data.scope import EVERYTHING
from dashboards.data.sharing import count_shared
from dashboards.data.warehouse import Warehouse
from dashboards.report import cost_captions, search_captions
from dashboards.report.chapter import Chapter, Chart
from orchestrator.results.searches import titles_of_groups


def search_chapters(warehouse: Warehouse) -> Iterator[Chapter]:
    """Yield a chapter for each search: learning curves and importances of hyperparameters."""
    table, curves = (
        read(warehouse, EVERYTHING) for read in (read_candidates, read_learning_curves)
    )
    titles = titles_of_groups(warehouse.results.trials) if len(table) else {}
    groups = table.groupby(["sweep", "group"], sort=False, dropna=False)
    for index, ((sweep, group), rows) in enumerate(groups):
        own = curves.merge(rows[["sweep", "trial_id"]])
        notes = search_captions.search(rows)
        drawn = [Chart("Candidates as they learn", notes, charts.learning_curves(own))]
        ranked = rows[rows["objective"].notna()]
        names = varying_hyperparameters(ranked)
        if len(ranked) >= MIN_CANDIDATES and len(names) > 1:
            notes = search_captions.importance(importances(ranked, names))
            drawn.append(Chart("Which hyperparameters mattered", notes, charts.importance(rows)))
        title = titles.get((str(sweep), str(group)), group)
        yield Chapter(f"Search: {title} (sweep {sweep})", charts=drawn, continues=index > 0)


def sharing_chapter(warehouse: Warehouse) -> Iterator[Chapter]:
    """Yield the chapter on shared stages, if any stage has been computed."""
    rows = count_shared(warehouse)
    if len(rows):
        drawn = charts.sharing(rows)
        chart = Chart("Stages computed and shared", " ".join(cost_captions.sharing(rows)), drawn)
        yield Chapter("Computation saved by sharing stages", charts=[chart])
