"""Colours of charts, safe for colour-blind readers, for light and dark backgrounds.

Backgrounds are transparent, and the colours of data are readable on both. The colours of text and
grid are those of a template, which `apply_theme(figure, dark=True)` replaces.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import plotly.graph_objects as go

# Okabe and Ito 2008, Color Universal Design; black and yellow, each invisible on one background,
# are replaced by grey.
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
# Cividis looks the same with red-green colour blindness, and keeps its order in grey.
SCALE = "Cividis"
GREY = "#8C8C8C"
FAINT = "rgba(140,140,140,0.30)"
HIGHLIGHT = "#D55E00"
FAINT_LINE = 0.3  # opacity
AXIS = {
    "gridcolor": "rgba(128,128,128,0.22)",
    "linecolor": GREY,
    "zeroline": False,
    "automargin": True,
    "title": {"standoff": 10},
    "ticks": "outside",
    "tickcolor": GREY,
}


def template(dark: bool = False) -> go.layout.Template:
    """Return the template of all charts, for a light or dark background."""
    ink = "#DADCE0" if dark else "#24292F"
    return go.layout.Template(
        layout={
            "colorway": COLOURS,
            "font": {"color": ink, "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": AXIS,
            "yaxis": AXIS,
            "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
            "hoverlabel": {"align": "left"},
            "legend": {"itemsizing": "constant"},
            "coloraxis": {"colorbar": {"thickness": 14, "outlinewidth": 0}},
        }
    )


def bar_title(text: str) -> dict[str, str]:
    """Return the title of a colour bar: above it, with an empty line, and so off its ticks."""
    return {"text": f"{text}<br> ", "side": "top"}


def apply_theme(figure: go.Figure, dark: bool) -> go.Figure:
    """Set the template of a figure for a light or dark background, in place; return it."""
    figure.layout.template = template(dark)
    return figure


def assign_lines(names: Iterable[Hashable]) -> dict[Hashable, dict[str, str]]:
    """Return a colour and a dash for each name, in order of appearance; they repeat after 28.

    Neighbours differ in both, so that one of two lines of the same values shows through the other.
    """
    return {
        name: {"dash": DASHES[i % len(DASHES)], "color": COLOURS[i % len(COLOURS)]}
        for i, name in enumerate(dict.fromkeys(names))
    }


def assign_symbols(names: Iterable[Hashable]) -> dict[Hashable, str]:
    """Return a marker for each name, in order of appearance; they repeat after 12."""
    return {name: SYMBOLS[i % len(SYMBOLS)] for i, name in enumerate(dict.fromkeys(names))}


def rgba_text(colour: str, opacity: float) -> str:
    """Return `#RRGGBB` as rgba."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
