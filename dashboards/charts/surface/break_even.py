"""Marks at which joint retraining overtakes a method, with labels that cover no other mark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.curve_marks import LABEL_LINE
from dashboards.charts.labels import place_labels
from dashboards.charts.panel_scale import thin_boxes
from dashboards.charts.theme import HIGHLIGHT
from orchestrator.results.intervals import Floats
from orchestrator.results.surface.crossings import break_even, retraining_rivals
from orchestrator.results.surface.surface import Surface
from orchestrator.sweep.means.budget_text import epochs_text
from orchestrator.terminal.break_even_text import crossing_text, round_crossing

LETTER, LINE = 6.2, 15.0  # width and height of a letter of a label, in pixels
STEP = 8.0  # pixels between the points of a line that labels keep free
RING = {"symbol": "circle-open", "size": 14, "color": HIGHLIGHT}


@dataclass(frozen=True)
class BreakEven:
    """A point at which joint retraining overtakes a method: its label, sentence and place."""

    label: str
    words: str
    epochs: float
    value: float


@dataclass(frozen=True)
class LinePanel:
    """A panel of lines over a logarithmic axis.

    Attributes:
        exponents: ends of the part of the horizontal axis that labels may use.
        limits: ends of the vertical axis.
        size: width and height of that part, in pixels.
    """

    exponents: tuple[float, float]
    limits: tuple[float, float]
    size: tuple[float, float]

    def pixels(self, x: Floats, y: Floats) -> Floats:
        """Return the places, from the lower left, of points [N, 2]."""
        (left, right), (low, high) = self.exponents, self.limits
        places = np.stack([(np.log10(x) - left) / (right - left), (y - low) / (high - low)], axis=1)
        return np.asarray(places * self.size)


def find_break_even(surface: Surface, storage: int) -> list[BreakEven]:
    """Return where joint retraining overtakes each method of its network, on its own line."""
    rivals = retraining_rivals(surface).items()
    return [mark for pair in rivals for mark in _marks_on_line(surface, storage, *pair)]


def _marks_on_line(
    surface: Surface, storage: int, joint: int, others: Sequence[int]
) -> Iterator[BreakEven]:
    x = np.array([float(epochs or 0) for epochs in surface.compute])
    line = surface.mean[joint, storage]
    known = np.isfinite(line)
    for m in others:
        name, at = surface.methods[m], break_even(surface, m, joint, storage)
        if at.overtakes:
            y = float(np.interp(np.log2(at.value), np.log2(x[known]), line[known]))
            words = f"{surface.methods[joint]} overtakes {name} at {crossing_text(at)}"
            yield BreakEven(f"{name} {epochs_text(round_crossing(at.value))}", words, at.value, y)


def break_even_ring(mark: BreakEven) -> go.Scatter:
    """Return the ring at the computation with which joint retraining overtakes a method."""
    return go.Scatter(
        name=mark.words,
        mode="markers",
        x=[mark.epochs],
        y=[mark.value],
        hoverinfo="name",
        marker=RING | {"line": {"width": 2, "color": HIGHLIGHT}},
    )


def break_even_labels(
    marks: Sequence[BreakEven], surface: Surface, storage: int, panel: LinePanel
) -> Iterator[dict[str, object]]:
    """Yield the label of each mark, beside it where no line, interval or other label is."""
    if not marks:
        return
    points = panel.pixels(*np.array([(mark.epochs, mark.value) for mark in marks]).T)
    lines, bars = _list_taken(surface, storage, panel)
    sizes = np.array([[LETTER * len(mark.label), LINE] for mark in marks])
    offsets = place_labels(np.vstack([points, lines]), sizes, panel.size, bars)
    for mark, (right, up) in zip(marks, offsets, strict=True):
        place = {"x": np.log10(mark.epochs), "y": mark.value, "ax": right, "ay": -up}
        yield {**place, "text": mark.label, "font": {"size": 11}, **LABEL_LINE}


def _list_taken(surface: Surface, storage: int, panel: LinePanel) -> tuple[Floats, Floats]:
    """Return points along all lines [N, 2], and the boxes of the intervals [K, 4], in pixels."""
    x = np.array([float(epochs or 0) for epochs in surface.compute])
    points, bars = [np.empty((0, 2))], [np.empty((0, 4))]
    for mean, half in zip(surface.mean[:, storage], surface.half_width[:, storage], strict=True):
        places = panel.pixels(x, mean)
        points += [_points_between(*ends) for ends in pairwise(places)]
        spread = np.nan_to_num(half)
        boxes = thin_boxes(panel.pixels(x, mean - spread), panel.pixels(x, mean + spread))
        bars.append(boxes[np.isfinite(mean)])
    return np.vstack(points), np.vstack(bars)


def _points_between(start: Floats, end: Floats) -> Floats:
    """Return points on the line between two places, none if one is not known [N, 2]."""
    length = float(np.hypot(*(end - start)))
    num = int(length / STEP) + 2 if np.isfinite(length) else 0
    return np.asarray(start + np.linspace(0, 1, num)[:, None] * (end - start))
