"""Figures for papers, drawn with matplotlib from the same frames as the charts.

`python -m dashboards.figures DIR FILE.png` draws one of them. May import `charts` and `data`
beside it, and the orchestrator below `cli`. Begin with `plane.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from dashboards.data.comparing import compare_configurations
from dashboards.data.matrices import read_curves
from dashboards.data.warehouse import Warehouse
from dashboards.figures.bars import costs as costs
from dashboards.figures.canvas import save
from dashboards.figures.curves import forgetting as forgetting
from dashboards.figures.matrices import r_matrices as r_matrices
from dashboards.figures.plane import trade_off as trade_off
from orchestrator.errors import RepertoireError

FIGURES = ("trade_off", "forgetting", "costs", "r_matrices")
KINDS = (".svg", ".pdf")


def draw(warehouse: Warehouse, name: str) -> Figure:
    """Draw one of FIGURES.

    Raises:
        RepertoireError: no trial is complete, or no accuracy was measured.
    """
    table = compare_configurations(warehouse)
    if table.empty:
        raise RepertoireError("no complete trial to draw: run the sweep to its end first")
    with matplotlib.rc_context({"text.parse_math": False}):  # $ in a label is no formula
        if name == "trade_off":
            return trade_off(table)
        if name == "costs":
            return costs(table)
        curves = read_curves(warehouse, table)
        if curves.empty:
            raise RepertoireError(f"no accuracy to draw {name} from: accuracy.parquet has none")
        return forgetting(curves) if name == "forgetting" else r_matrices(curves)


def save_all(warehouse: Warehouse, folder: Path) -> Iterator[Path]:
    """Draw all figures into a folder, as SVG and PDF; yield each file written.

    Raises:
        RepertoireError: as `draw`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        figure = draw(warehouse, name)
        for kind in KINDS:
            save(figure, folder / f"{name}{kind}")
            yield folder / f"{name}{kind}"
