"""One look per method, for all charts of a surface and those beside it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import product

from dashboards.charts.theme import COLOURS, GREY
from orchestrator.results.surface.crossings import RETRAINING
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


def method_styles(methods: Sequence[str]) -> list[Style]:
    """Return the look of each method; joint retraining is grey and dashed."""
    looks = [
        Style(colour, dash, pattern)
        for (dash, pattern), colour in product(zip(DASHES, PATTERNS, strict=True), OTHERS)
    ]
    others = [name for name in methods if name != RETRAINING]
    look_of = {name: looks[i % len(looks)] for i, name in enumerate(others)}
    return [look_of.get(name, Style(GREY, "dash", "")) for name in methods]


def method_lines(methods: Sequence[str]) -> dict[Hashable, dict[str, str]]:
    """Return name, escaped for Plotly -> colour and dash of the line of each method."""
    styles = zip(methods, method_styles(methods), strict=True)
    return {
        escape_plotly(name): {"dash": style.dash, "color": style.color} for name, style in styles
    }
