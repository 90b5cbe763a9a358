"""From which computation on joint retraining is ahead of the other methods, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from orchestrator.results.intervals import half_width
from orchestrator.results.surface.crossings import Crossing, break_even, retraining_rivals
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import bytes_text, change_text
from orchestrator.sweep.means.budget_text import epochs_number, epochs_text, fine_tuning_text


def describe_break_even(surface: Surface) -> Iterator[str]:
    """Yield the computation from which joint retraining is as accurate as each other method.

    Only methods with its network are compared with it. It has its name if there are several.
    """
    if surface.compute == (None,):
        return
    rivals = retraining_rivals(surface)
    for joint, others in rivals.items():
        name = f" ({surface.methods[joint]})" if len(rivals) > 1 else ""
        for a, size in enumerate(surface.storage):
            if not surface.infeasible[joint, a].all():
                where = "" if size is None else f" at {bytes_text(size)}"
                subject = f"Joint retraining{name}{where}"
                yield from compare_with_retraining(surface, joint, others, a, subject)


def compare_with_retraining(
    surface: Surface, joint: int, others: Sequence[int], storage: int, subject: str
) -> Iterator[str]:
    """Yield the budgets at which retraining is ahead of the methods complete in the same cells.

    Means over seeds are compared, and their paired difference is given with its interval. To
    overtake a method retraining must be behind with less computation. Where the method does not fit
    with less, there is no crossing, and retraining is ahead wherever both fit.
    """
    leads = surface.values[joint, storage] - surface.values[:, storage]
    lead, half = leads.mean(axis=-1), half_width(leads)
    crossings: list[str] = []
    behind: list[str] = []
    mixed: list[str] = []
    ahead: dict[str, list[str]] = {}
    for m in (m for m in others if np.isfinite(lead[m]).any()):
        name, point = surface.methods[m], break_even(surface, m, joint, storage)
        least, most = int(np.nanargmin(lead[m])), int(np.nanargmax(lead[m]))
        texts = [
            f"{name} {change_text(float(mean), float(width))}"
            for mean, width in zip(lead[m], half[m], strict=True)
        ]
        if lead[m, least] >= 0:
            ahead.setdefault(epochs_text(point.value), []).append(texts[least])
        elif point.overtakes:
            crossings.append(f"{name} at {crossing_text(point)}")
        elif lead[m, most] < 0:
            behind.append(texts[most])
        elif lead[m, least] < 0:
            mixed.append(texts[np.flatnonzero(np.isfinite(lead[m]))[-1]])
    starts = "; ".join(f"from {start} on {', '.join(names)}" for start, names in ahead.items())
    for what, parts in (
        ("overtakes {}", ", ".join(crossings)),
        ("has at least their mean wherever both fit (least lead): {}", starts),
        ("stays behind their mean wherever both fit (least gap): {}", ", ".join(behind)),
        ("is behind their mean again at the most computation: {}", ", ".join(mixed)),
    ):
        if parts:
            yield f"{subject} {what.format(parts)}."


def crossing_text(crossing: Crossing) -> str:
    """Return a crossing with its interval: `13 x fine-tuning [9.8, above 16]`.

    An open end is named by the budget of both methods that it is beyond.
    """
    text = fine_tuning_text(round_crossing(crossing.value))
    if np.isnan(crossing.low):
        return f"{text} (one seed, so no interval)"
    below, above = epochs_number(crossing.least), epochs_number(crossing.most)
    low = f"below {below}" if np.isinf(crossing.low) else _end_text(crossing.low)
    high = f"above {above}" if np.isinf(crossing.high) else _end_text(crossing.high)
    return f"{text} [{low}, {high}]"


def round_crossing(epochs: float) -> float:
    """Return a computation to two significant digits, as an interpolation allows."""
    return float(f"{epochs:.2g}")


def _end_text(epochs: float) -> str:
    return epochs_number(round_crossing(epochs))
