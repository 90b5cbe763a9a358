"""R as a grid for the terminal: numbers on colour, or numbers alone where there is no colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, isnan

import numpy as np
from matplotlib import colormaps
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from orchestrator.results.metrics import R
from orchestrator.terminal.units import UNDEFINED

# As in the pictures at MLflow: the same to the colour-blind, and darker means less in grey too.
COLOURS = colormaps["cividis"]
HEAD, CELL = 9, 6  # characters
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Grid:
    """R, shape [T+1, T], one row per number of tasks learned; folded where the width is short.

    The accuracy on a task that was just learned is bold; NaN is a dash.
    """

    r: R

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        num_tasks = self.r.shape[1]
        at_once = max(1, (options.max_width - HEAD) // CELL)
        size = ceil(num_tasks / ceil(num_tasks / at_once))
        for first in range(0, num_tasks, size):
            yield from self._part(range(first, min(first + size, num_tasks)))

    def _part(self, tasks: range) -> Iterator[Text]:
        """Yield the lines of some of the tasks, counted from 0."""
        yield Text(f"{'':{HEAD}}task", style="dim")
        numbers = "".join(f"{task + 1:^{CELL}}" for task in tasks)
        yield Text(f"{'learned':{HEAD}}{numbers}".rstrip(), style="dim")
        for after, row in enumerate(self.r):
            line = Text.assemble((f"{after:>7}  ", "dim"))
            for task in tasks:
                style = cell_style(row[task]) + Style(bold=after == task + 1)
                line.append(f"{cell_text(row[task]):^{CELL}}", style)
            yield line
        yield Text("")


def cell_text(accuracy: float) -> str:
    """Return an accuracy in two digits; a dash where there is none."""
    return UNDEFINED if isnan(accuracy) else f"{accuracy:.2f}"


def cell_style(accuracy: float) -> Style:
    """Return the colour of an accuracy, with the ink that is read best on it."""
    if isnan(accuracy):
        return Style(dim=True)
    paper = paper_of(accuracy)
    return Style.parse(f"{_hex(ink_on(paper))} on {_hex(paper)}")


def paper_of(accuracy: float) -> Rgb:
    """Return the colour that stands for an accuracy in 0..1."""
    red, green, blue = (round(255 * part) for part in COLOURS(float(np.clip(accuracy, 0, 1)))[:3])
    return red, green, blue


def ink_on(paper: Rgb) -> Rgb:
    """Return black or white, whichever has the higher contrast."""
    black, white = (0, 0, 0), (255, 255, 255)
    return max((black, white), key=lambda ink: contrast(ink, paper))


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, 1 to 21; 4.5 is enough to read small text.

    Reference: W3C, Web Content Accessibility Guidelines 2.1, contrast ratio.
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _unit(colour)]
    return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))


def _unit(colour: Rgb) -> list[float]:
    return [part / 255 for part in colour]


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
