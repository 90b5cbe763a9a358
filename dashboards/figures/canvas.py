"""Paper to draw on, through matplotlib's objects: no pyplot, no state outside the figure."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from orchestrator.results.naming import TABLE
from orchestrator.results.protocol import title_of
from orchestrator.terminal.blocks import sweeps_of

DPI = 120
# The same numbers give the same bytes: no date, and names drawn from a fixed salt. Text stays text
# in SVG, and fonts are embedded whole enough to be edited in PDF.
FIXED: dict[Any, Any] = {"svg.hashsalt": "repertoire", "svg.fonttype": "none", "pdf.fonttype": 42}
UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def paper(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def canvas(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure and `count` axes of a size in inches, laid out in rows."""
    columns = min(count, columns)
    rows = ceil(count / columns)
    figure = paper(width * columns + 0.9, height * rows)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def tables(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the title and the rows of each table of comparable rows."""
    return [(title(part), part) for _, part in rows.groupby("table", sort=False)]


def title(rows: pd.DataFrame) -> str:
    """Return what the rows of a table have in common."""
    sweeps = ", ".join(sweeps_of(rows))
    return f"{title_of(*rows[TABLE].iloc[0])} (sweep {sweeps})"


def tick(axis: Axis, decades: float) -> None:
    """Put round numbers on a logarithmic axis, more of them where it is short."""
    subs = (1, 1.5, 2, 3, 4, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2.5 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(LogLocator(subs=()))


def save(figure: Figure, path: Path) -> None:
    """Write a figure into a file, the kind of which its name tells; undated."""
    with matplotlib.rc_context(FIXED):
        figure.savefig(path, dpi=DPI, metadata=UNDATED.get(path.suffix))
