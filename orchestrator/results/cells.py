"""The cells of R as text and colours, and the line between tasks learned and not yet learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan

import numpy as np

from orchestrator.results.colours import Rgb, accuracy_colour, text_colour
from orchestrator.results.metrics import R
from orchestrator.results.units import decimal_text

ANNOTATED_TASKS = 12  # with more, the numbers do not fit into the cells
MOST_TASKS = 12  # panels of a chart; a hundred take a browser a minute, and cannot be read


def spread_tasks(tasks: Iterable[int], most: int = MOST_TASKS) -> list[int]:
    """Return the tasks, sorted; of more than `most` the first, the last and some between them."""
    every = sorted({int(task) for task in tasks})
    places = np.linspace(0, len(every) - 1, min(len(every), most))
    return [every[place] for place in places.round().astype(int)]


@dataclass(frozen=True)
class AccuracyCell:
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
    def is_just_learned(self) -> bool:
        """Whether the task is the one learned last."""
        return self.after == self.task

    @property
    def text(self) -> str:
        """The accuracy to two decimals; a dash if it was not measured."""
        return decimal_text(self.accuracy, 2)

    @property
    def background(self) -> Rgb:
        """The colour of the accuracy."""
        return accuracy_colour(self.accuracy)

    @property
    def text_colour(self) -> Rgb:
        """Black or white, whichever has more contrast with the background."""
        return text_colour(self.background)


def list_cells(r: R) -> Iterator[AccuracyCell]:
    """Yield the cells of R, shape [T+1, T], row by row."""
    for (after, column), accuracy in np.ndenumerate(r):
        yield AccuracyCell(after, column + 1, float(accuracy))


def step_corners(num_tasks: int) -> list[tuple[float, float]]:
    """Return the corners (task, after) of the line between tasks learned and not yet learned."""
    steps = ((task, side) for task in range(1, num_tasks + 1) for side in (-0.5, 0.5))
    return [(0.5, 0.5), *((task + 0.5, task + side) for task, side in steps)][:-1]
