"""Marks at which joint retraining overtakes a method."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go

from dashboards.charts.theme import GREY, HIGHLIGHT
from orchestrator.results.surface.areas import RETRAINING, break_even
from orchestrator.results.surface.surface import Surface
from orchestrator.terminal.surface_names import compute_name


def break_even_marks(surface: Surface, storage: int) -> Iterator[go.Scatter]:
    """Yield a ring where joint retraining overtakes each method, on its own line."""
    if RETRAINING not in surface.methods:
        return
    joint = surface.methods.index(RETRAINING)
    x = np.array([float(epochs or 0) for epochs in surface.compute])
    line = surface.mean[joint, storage]
    known = np.isfinite(line)
    for m, name in enumerate(surface.methods):
        both = x[known & np.isfinite(surface.mean[m, storage])]
        at = break_even(surface, m, joint, storage)
        if m != joint and at == at and at > both[0]:
            y = float(np.interp(np.log2(at), np.log2(x[known]), line[known]))
            yield break_even_ring(name, at, y)


def break_even_ring(name: str, at: float, y: float) -> go.Scatter:
    """Return the ring at the computation with which joint retraining overtakes a method."""
    ring = {"width": 2, "color": HIGHLIGHT}
    return go.Scatter(
        name=f"joint overtakes {name} at {compute_name(round(at, 2))}",
        mode="markers+text",
        x=[at],
        y=[y],
        text=[f"{name} {at:.2g} x"],
        textposition="top left",
        hoverinfo="name",
        marker={"symbol": "circle-open", "size": 14, "color": HIGHLIGHT, "line": ring},
        textfont={"color": GREY},
    )
