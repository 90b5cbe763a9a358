"""Figures for papers, drawn with matplotlib from the same frames as the charts.

`python -m dashboards.figures DIR FILE.png` draws one of them. May import `charts` and `data`
beside it, and the orchestrator below `cli`. Begin with `tradeoff.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from dashboards.data.comparing import compare_configurations
from dashboards.data.matrices import read_average_curves, read_curves
from dashboards.data.means import read_surfaces
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import Warehouse
from dashboards.figures.bars import costs as costs
from dashboards.figures.canvas import save as save
from dashboards.figures.curves import forgetting as forgetting
from dashboards.figures.grids import rates as rates
from dashboards.figures.grids import surfaces as surfaces
from dashboards.figures.matrices import r_matrices as r_matrices
from dashboards.figures.plane import cost_plane as cost_plane
from dashboards.figures.surface import budgets as budgets
from dashboards.figures.surface import winners as winners
from dashboards.figures.tradeoff import trade_off as trade_off
from orchestrator.errors import RepertoireError

FIGURES = ("trade_off", "forgetting", "costs", "r_matrices", "cost_plane")
MEANS_FIGURES = ("winners", "budgets", "surfaces", "rates")  # of sweeps with means
# Figures of the comparison alone; the others of FIGURES read accuracies too.
TABLE_FIGURES = {"trade_off": trade_off, "costs": costs, "cost_plane": cost_plane}
KINDS = (".svg", ".pdf")


def draw(warehouse: Warehouse, name: str) -> Figure:
    """Draw one of FIGURES or of MEANS_FIGURES.

    Raises:
        RepertoireError: no trial is complete, no accuracy was measured, or no trial has means.
    """
    if name in MEANS_FIGURES:
        return draw_means(warehouse, name)
    table = compare_configurations(warehouse)
    if table.empty:
        raise RepertoireError("no complete trial to draw: run the sweep to its end first")
    with matplotlib.rc_context({"text.parse_math": False}):  # $ in a label is no formula
        if name in TABLE_FIGURES:
            return TABLE_FIGURES[name](table)
        curves = read_curves(warehouse, table)
        if curves["accuracy_mean"].isna().all():
            raise RepertoireError(f"no accuracy to draw {name} from: accuracy.parquet has none")
        if name == "r_matrices":
            return r_matrices(curves)
        return forgetting(curves, read_average_curves(warehouse, table))


def draw_means(warehouse: Warehouse, name: str) -> Figure:
    """Draw one of MEANS_FIGURES."""
    drawn = read_surfaces(warehouse, EVERYTHING)
    if not drawn:
        raise RepertoireError(
            f"no trial has means, so there is no figure {name}: it takes a sweep with a section "
            "`means`"
        )
    with matplotlib.rc_context({"text.parse_math": False}):
        of_means = {"winners": winners, "budgets": budgets, "surfaces": surfaces, "rates": rates}
        return of_means[name](drawn)


def save_all(warehouse: Warehouse, folder: Path) -> Iterator[Path]:
    """Draw all figures into a folder, as SVG and PDF; yield each file written.

    Those of MEANS_FIGURES are drawn if a trial has means.

    Raises:
        RepertoireError: as `draw`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    more = MEANS_FIGURES if read_surfaces(warehouse, EVERYTHING) else ()
    for name in (*FIGURES, *more):
        figure = draw(warehouse, name)
        for kind in KINDS:
            save(figure, folder / f"{name}{kind}")
            yield folder / f"{name}{kind}"
