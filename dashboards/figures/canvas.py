"""Figures and axes of matplotlib, without pyplot and its global state."""

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

from orchestrator.benchmarks.atomic_files import replace_when_complete
from orchestrator.terminal.comparison.blocks import table_title

DPI = 120
# Equal numbers give equal bytes: without a date, and with a fixed salt for SVG ids. Text in SVG
# stays text, and PDF has editable fonts (TrueType).
FIXED: dict[Any, Any] = {"svg.hashsalt": "repertoire", "svg.fonttype": "none", "pdf.fonttype": 42}
UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def create_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def create_axes(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure and `count` axes of a size in inches, in rows of `columns`."""
    columns = min(count, columns)
    rows = ceil(count / columns)
    figure = create_figure(width * columns + 0.9, height * rows)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def split_tables(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the title and the rows of each table of comparable rows."""
    return [(table_title(part), part) for _, part in rows.groupby("table", sort=False)]


def set_log_ticks(axis: Axis, decades: float) -> None:
    """Set round ticks on a logarithmic axis, more of them on a short axis."""
    subs = (1, 1.5, 2, 3, 4, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2.5 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(LogLocator(subs=()))


def save(figure: Figure, path: Path) -> None:
    """Write a figure into a file, in the format of its suffix, without a date.

    A link in the place of the file is replaced, and what it leads to is not written.
    """
    kind = path.suffix.removeprefix(".") or None
    with (
        matplotlib.rc_context(FIXED),
        replace_when_complete(path) as partial,
        partial.open("wb") as file,
    ):
        figure.savefig(file, format=kind, dpi=DPI, metadata=UNDATED.get(path.suffix))
