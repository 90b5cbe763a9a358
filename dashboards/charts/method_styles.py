"""One look per method, for all charts of a surface and those beside it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import cycle, product

from dashboards.charts.theme import COLOURS, GREY
from orchestrator.results.surface.crossings import RETRAINING
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.escaping import escape_plotly

DASHES = ("solid", "dot", "dashdot", "longdash")  # "dash" is joint retraining's
PATTERNS = ("", ".", "+", "-")  # "/", "\\" and "x" are of cells without a value
OTHERS = tuple(colour for colour in COLOURS if colour != GREY)


@dataclass(frozen=True)
class Style:
    """The look of a method: of its lines and of its areas."""

    color: str
    dash: str
    pattern: str


def method_styles(surface: Surface) -> list[Style]:
    """Return the look of each method of a surface.

    Joint retraining alone is dashed, and grey; with several networks the others of it have colours.
    """
    pairs = product(zip(DASHES, PATTERNS, strict=True), OTHERS)
    looks = cycle([Style(colour, dash, pattern) for (dash, pattern), colour in pairs])
    joint = cycle([Style(colour, "dash", "") for colour in (GREY, *OTHERS)])
    return [next(joint if kind == RETRAINING else looks) for kind in surface.kinds]


def method_lines(surface: Surface | None) -> dict[Hashable, dict[str, str]]:
    """Return name, escaped for Plotly -> colour and dash of the line of each method.

    Args:
        surface: of which methods have these looks beside it too; None for no such.
    """
    if surface is None:
        return {}
    styles = zip(surface.methods, method_styles(surface), strict=True)
    return {
        escape_plotly(name): {"dash": style.dash, "color": style.color} for name, style in styles
    }
