"""Cells of R as a terminal, MLflow, pages and paper draw them: text and colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import numpy as np
from matplotlib import colormaps

from orchestrator.columns import UNDEFINED
from orchestrator.results.metrics import R

# Cividis reads the same with and without red-green colour blindness, and in grey.
COLOURS = "cividis"
ANNOTATED_TASKS = 12  # more cells than these leave no room for numbers
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Cell:
    """The accuracy on one task after some tasks.

    Attributes:
        after: tasks learned, 0..T.
        task: 1..T.
        accuracy: 0 to 1; NaN where it was not measured.
    """

    after: int
    task: int
    accuracy: float

    @property
    def known(self) -> bool:
        """Whether it was measured."""
        return not isnan(self.accuracy)

    @property
    def just_learned(self) -> bool:
        """Whether the task is the one learned last."""
        return self.after == self.task

    @property
    def text(self) -> str:
        """The accuracy to two decimals; a dash where there is none."""
        return f"{self.accuracy:.2f}" if self.known else UNDEFINED

    @property
    def paper(self) -> Rgb:
        """The colour that stands for the accuracy."""
        return paper_of(self.accuracy)

    @property
    def ink(self) -> Rgb:
        """Black or white, whichever is read better on that colour."""
        return ink_on(self.paper)


def cells_of(r: R) -> Iterator[Cell]:
    """Yield the cells of R, shape [T+1, T], row by row."""
    for (after, column), accuracy in np.ndenumerate(r):
        yield Cell(after, column + 1, float(accuracy))


def step_of(num_tasks: int) -> list[tuple[float, float]]:
    """Return the corners (task, after) of the step between tasks learned and those not yet."""
    corners = [(0.5, 0.5)]
    corners += [
        (task + 0.5, task + side) for task in range(1, num_tasks + 1) for side in (-0.5, 0.5)
    ]
    return corners[:-1]


def colour_scale(steps: int = 32) -> list[tuple[float, str]]:
    """Return the colours from accuracy 0 to 1, as pairs of accuracy and `#rrggbb`."""
    return [(at / steps, hexadecimal(paper_of(at / steps))) for at in range(steps + 1)]


def paper_of(accuracy: float) -> Rgb:
    """Return the colour that stands for an accuracy in 0..1."""
    colour = colormaps[COLOURS](float(np.clip(accuracy, 0, 1)))
    red, green, blue = (round(255 * part) for part in colour[:3])
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


def hexadecimal(colour: Rgb) -> str:
    """Return a colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Rgb) -> float:
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
