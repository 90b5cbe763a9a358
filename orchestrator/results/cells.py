"""R as an array built from its cells, and its cells as text and colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from orchestrator.columns import UNDEFINED
from orchestrator.results.metrics import R

# Cividis looks the same with red-green colour blindness, and keeps its order in grey.
COLOURS = "cividis"
ANNOTATED_TASKS = 12  # with more, the numbers do not fit into the cells
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
    def is_measured(self) -> bool:
        """Whether the accuracy was measured."""
        return not isnan(self.accuracy)

    @property
    def just_learned(self) -> bool:
        """Whether the task is the one learned last."""
        return self.after == self.task

    @property
    def text(self) -> str:
        """The accuracy to two decimals; a dash if it was not measured."""
        return f"{self.accuracy:.2f}" if self.is_measured else UNDEFINED

    @property
    def background(self) -> Rgb:
        """The colour of the accuracy."""
        return accuracy_colour(self.accuracy)

    @property
    def text_colour(self) -> Rgb:
        """Black or white, whichever has more contrast with the background."""
        return text_colour(self.background)


def list_cells(r: R) -> Iterator[Cell]:
    """Yield the cells of R, shape [T+1, T], row by row."""
    for (after, column), accuracy in np.ndenumerate(r):
        yield Cell(after, column + 1, float(accuracy))


def step_corners(num_tasks: int) -> list[tuple[float, float]]:
    """Return the corners (task, after) of the line between tasks learned and not yet learned."""
    corners = [(0.5, 0.5)]
    corners += [
        (task + 0.5, task + side) for task in range(1, num_tasks + 1) for side in (-0.5, 0.5)
    ]
    return corners[:-1]


def colour_scale(steps: int = 32) -> list[tuple[float, str]]:
    """Return the colours from accuracy 0 to 1, as pairs of accuracy and `#rrggbb`."""
    return [(at / steps, hex_text(accuracy_colour(at / steps))) for at in range(steps + 1)]


def accuracy_colour(accuracy: float) -> Rgb:
    """Return the colour of an accuracy, 0 to 1."""
    from matplotlib import colormaps  # slow to import, and tables need no colours

    colour = colormaps[COLOURS](float(np.clip(accuracy, 0, 1)))
    red, green, blue = (round(255 * part) for part in colour[:3])
    return red, green, blue


def text_colour(background: Rgb) -> Rgb:
    """Return black or white, whichever has more contrast with a background."""
    black, white = (0, 0, 0), (255, 255, 255)
    return max((black, white), key=lambda ink: contrast_ratio(ink, background))


def contrast_ratio(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, 1 to 21; small text needs 4.5.

    Reference: W3C, Web Content Accessibility Guidelines 2.1, contrast ratio.
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def hex_text(colour: Rgb) -> str:
    """Return a colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Rgb) -> float:
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def build_r_from_rows(rows: Sequence[Sequence[float | None]], num_tasks: int) -> R:
    """Return R [T+1, T] from its first rows; NaN below them and where a row has None."""
    r = np.full((num_tasks + 1, num_tasks), np.nan)
    if rows:
        r[: len(rows)] = np.asarray(rows, dtype=np.float64)
    return r


def build_r(after: Any, task: Any, accuracy: Any, num_tasks: int) -> R:
    """Return R [T+1, T] from its cells; NaN where a cell is missing.

    Args:
        after: number of tasks learned, 0..T, of each cell.
        task: 1..T, of each cell.
        accuracy: 0 to 1, of each cell; None or NaN if it was not measured.
        num_tasks: T.
    """
    r = np.full((int(num_tasks) + 1, int(num_tasks)), np.nan)
    row, column = np.asarray(after, dtype=np.int64), np.asarray(task, dtype=np.int64) - 1
    r[row, column] = np.asarray(accuracy, dtype=np.float64)
    return r
