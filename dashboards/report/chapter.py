"""A chapter of the report, and a chart with its caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go


@dataclass(frozen=True)
class Chart:
    """A chart with its heading and caption.

    Attributes:
        half: whether it has half the width of the page.
        rows: a table between them, as rows of cells.
    """

    heading: str
    caption: str
    figure: go.Figure
    half: bool = False
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Chapter:
    """A chapter of the page: a heading, sentences, a table as rows of cells, charts.

    Attributes:
        continues: whether it is one of several of a kind and not the first of them; in print such a
            chapter begins no sheet of its own.
    """

    heading: str
    sentences: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    charts: Sequence[Chart] = field(default_factory=list)
    continues: bool = False
