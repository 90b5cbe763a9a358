"""The chapter of the report on a sweep with means: winners, both budgets, findings."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards import charts
from dashboards.data.means import read_surfaces
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import Warehouse
from dashboards.report.chapter import Chapter, Chart
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.surface_findings import findings
from orchestrator.terminal.surface_tables import compute_name, storage_name

WINNERS = (
    "The most accurate method of each cell. A filled cell has one winner; in an unfilled one the "
    "methods of the strip are not told apart (paired t-tests, Holm's correction for all pairs). "
    "Hatched: nothing fits, or nothing is complete."
)
LINES = "Bars are 95 % intervals over seeds; dashed: joint retraining; crosses: does not fit."


def means_chapters(warehouse: Warehouse) -> Iterator[Chapter]:
    """Yield a chapter for each setting with means; none without."""
    for surface in read_surfaces(warehouse, EVERYTHING):
        heading = f"At equal means: {surface.title}"
        yield Chapter(heading, list(findings(surface)), charts=surface_charts(surface))


def surface_charts(surface: Surface) -> list[Chart]:
    """Return the winner map, and the accuracy against each budget at the most of the other."""
    most_storage, most_compute = (
        storage_name(surface.storage[-1]),
        compute_name(surface.compute[-1]),
    )
    drawn = [Chart("Who wins where", WINNERS, charts.winners(surface))]
    if surface.storage != (None,):
        figure = charts.by_storage(surface, len(surface.compute) - 1)
        drawn.append(Chart("What bytes buy", f"At {most_compute}. {LINES}", figure))
    if surface.compute != (None,):
        figure = charts.by_compute(surface, len(surface.storage) - 1)
        caption = f"At {most_storage}. {LINES} A ring: joint retraining overtakes for good."
        drawn.append(Chart("What computation buys", caption, figure))
    return drawn
