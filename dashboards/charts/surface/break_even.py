"""Marks at which joint retraining overtakes a method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.theme import GREY, HIGHLIGHT
from orchestrator.results.surface.crossings import Crossing, break_even, retraining_rivals
from orchestrator.results.surface.surface import Surface
from orchestrator.sweep.means.budget_text import epochs_text
from orchestrator.terminal.break_even_text import crossing_text, round_crossing


def break_even_marks(surface: Surface, storage: int) -> Iterator[go.Scatter]:
    """Yield a ring where joint retraining overtakes each method of its network, on its own line."""
    for joint, others in retraining_rivals(surface).items():
        yield from rings_on_line(surface, storage, joint, others)


def rings_on_line(
    surface: Surface, storage: int, joint: int, others: Sequence[int]
) -> Iterator[go.Scatter]:
    """Yield the rings on the line of one joint retraining, given the methods to compare it with."""
    x = np.array([float(epochs or 0) for epochs in surface.compute])
    line = surface.mean[joint, storage]
    known = np.isfinite(line)
    for m in others:
        name, at = surface.methods[m], break_even(surface, m, joint, storage)
        if at.overtakes:
            y = float(np.interp(np.log2(at.value), np.log2(x[known]), line[known]))
            words = f"{surface.methods[joint]} overtakes {name} at {crossing_text(at)}"
            yield break_even_ring(words, name, at, y)


def break_even_ring(words: str, name: str, at: Crossing, y: float) -> go.Scatter:
    """Return the ring at the computation with which joint retraining overtakes a method."""
    ring = {"width": 2, "color": HIGHLIGHT}
    return go.Scatter(
        name=words,
        mode="markers+text",
        x=[at.value],
        y=[y],
        text=[f"{name} {epochs_text(round_crossing(at.value))}"],
        textposition="top left",
        hoverinfo="name",
        marker={"symbol": "circle-open", "size": 14, "color": HIGHLIGHT, "line": ring},
        textfont={"color": GREY},
    )
