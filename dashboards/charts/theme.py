"""How charts look: colours safe for the colour-blind, on light paper and on dark.

Backgrounds are transparent; what is drawn in a chart itself is readable on both, and what is not
(text, grid) comes from a template, so that one figure serves both: `themed(figure, dark=True)`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import product

import plotly.graph_objects as go

# Okabe and Ito 2008, Color Universal Design; black and yellow, each lost on one kind of paper, are
# replaced by grey.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#8C8C8C")
DASHES = ("solid", "dash", "dot", "dashdot")
PATTERNS = ("", "/", ".")
SYMBOLS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "x",
    "star",
    "triangle-down",
    "pentagon",
    "hexagon",
    "hourglass",
    "bowtie",
)
# Cividis reads the same with and without red-green colour blindness, and in grey.
SCALE = "Cividis"
GREY = "#8C8C8C"
FAINT = "rgba(140,140,140,0.30)"
HIGHLIGHT = "#D55E00"


def template(dark: bool = False) -> go.layout.Template:
    """Return the text and grid colours for light or dark paper, and what all charts share."""
    ink = "#DADCE0" if dark else "#24292F"
    axis = {
        "gridcolor": "rgba(128,128,128,0.22)",
        "linecolor": GREY,
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 10},
        "ticks": "outside",
        "tickcolor": GREY,
    }
    return go.layout.Template(
        layout={
            "colorway": COLOURS,
            "font": {"color": ink, "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
            "hoverlabel": {"align": "left"},
            "legend": {"itemsizing": "constant"},
            "coloraxis": {"colorbar": {"thickness": 14, "outlinewidth": 0}},
        }
    )


def themed(figure: go.Figure, dark: bool) -> go.Figure:
    """Return the figure, changed in place, for light or dark paper."""
    figure.layout.template = template(dark)
    return figure


def lines_of(names: Iterable[Hashable]) -> dict[Hashable, dict[str, str]]:
    """Return a colour and a dash for each name, in order of appearance; 28 before they repeat."""
    styles = [{"dash": dash, "color": colour} for dash, colour in product(DASHES, COLOURS)]
    return {name: styles[i % len(styles)] for i, name in enumerate(dict.fromkeys(names))}


def symbols_of(names: Iterable[Hashable]) -> dict[Hashable, str]:
    """Return a shape for each name, in order of appearance; 12 before they repeat."""
    return {name: SYMBOLS[i % len(SYMBOLS)] for i, name in enumerate(dict.fromkeys(names))}


def translucent(colour: str, opacity: float) -> str:
    """Return `#RRGGBB` as rgba."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
