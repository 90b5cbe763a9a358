"""Colours of charts, safe for colour-blind readers, for light and dark backgrounds.

Backgrounds are transparent, and the colours of data are readable on both. The colours of text and
grid are those of a template, which `apply_theme(figure, dark=True)` replaces.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import cache

import numpy as np
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
# Of text; of the backgrounds, of dark ones the lightest; and the least contrast of the two.
INKS = {"light": "#24292F", "dark": "#DADCE0"}
PAPERS = {"light": "#FFFFFF", "dark": "#1F1E1B"}
TEXT_CONTRAST = 4.5
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
    ink = INKS["dark" if dark else "light"]
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
    # A line of spaces alone would have no height.
    return {"text": f"{text}<br><span style='color:transparent'>.</span>", "side": "top"}


def apply_theme(figure: go.Figure, dark: bool) -> go.Figure:
    """Set the template of a figure for a light or dark background, in place; return it.

    Labels in a colour of data have the one of `label_colours` for that background.
    """
    figure.layout.template = template(dark)
    for note in figure.layout.annotations:
        for colours in label_colours().values():
            if note.font.color in colours.values():
                note.font.color = colours["dark" if dark else "light"]
    return figure


def brighten_marks(figure: go.Figure) -> None:
    """Set the colours of marks, in place, to those that text in them has on dark paper."""
    for trace in figure.data:
        if colours := label_colours().get(trace.marker.color):
            trace.update(marker_color=colours["dark"], marker_line_color=colours["dark"])


@cache
def label_colours() -> dict[str, dict[str, str]]:
    """Return for each colour of data "data" and, for text in it on paper, "light" and "dark".

    Text has the least of the ink mixed in with which its contrast to the paper is TEXT_CONTRAST.
    """
    return {
        colour: {"data": colour}
        | {name: _text_colour(colour, INKS[name], paper) for name, paper in PAPERS.items()}
        for colour in COLOURS
    }


def _text_colour(colour: str, ink: str, paper: str) -> str:
    start, end = (np.array(rgb(each), float) for each in (colour, ink))
    mixed = (np.rint(start + share * (end - start)) for share in np.linspace(0, 1, 101))
    texts = ("#{:02X}{:02X}{:02X}".format(*map(int, each)) for each in mixed)
    return next(text for text in texts if contrast(text, paper) >= TEXT_CONTRAST)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21, by WCAG 2."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    values = np.array(rgb(colour)) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


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
    return f"rgba({','.join(map(str, rgb(colour)))},{opacity})"


def rgb(colour: str) -> tuple[int, ...]:
    """Return `#RRGGBB` as three numbers from 0 to 255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
