"""How the methods of a surface meet their budgets: what does not fit, exceeds, or is left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.results.intervals import Floats
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import decimal_text
from orchestrator.terminal.surface_names import cell_name

ROUNDING = 1e-12  # of a budget, a product of floats
WELL_USED = 0.99  # share of a budget
UNEVEN = 0.05  # below the share of all tasks


def describe_infeasible(surface: Surface) -> Iterator[str]:
    """Yield the methods that fit no cell, and the number of cells that others do not fit."""
    unfit, cells = surface.infeasible.sum(axis=(1, 2)), surface.infeasible[0].size
    nowhere = [name for name, n in zip(surface.methods, unfit, strict=True) if n == cells]
    if nowhere:
        yield f"Fit no cell: {', '.join(nowhere)}."
    partly = [
        f"{name} {n}" for name, n in zip(surface.methods, unfit, strict=True) if 0 < n < cells
    ]
    if partly:
        yield f"Of {cells} cells do not fit: {', '.join(partly)}."


def describe_excess(surface: Surface) -> Iterator[str]:
    """Yield the methods that carry more than their budget after a task, or spend more on one.

    With `backbone: apart` a budget leaves out the frozen body, but tables of earlier releases do
    not record this. Methods whose body alone exceeds the budget therefore have a sentence of their
    own. Any other excess means that a dial was solved wrongly.
    """
    storage = np.array([np.inf if each is None else each for each in surface.storage])[:, None]
    dearer = (surface.most_shares > 1 + ROUNDING).any(axis=-1)
    above = (surface.carried - surface.bodies > storage) | dearer
    by_body = (surface.carried > storage) & ~above
    for cells, what in (
        (above, "Above their budget, so not comparable"),
        (by_body, "Above their budget by a frozen body, which `backbone: apart` leaves out"),
    ):
        for number, name in enumerate(surface.methods):
            if places := [
                cell_name(surface, int(a), int(b)) for a, b in np.argwhere(cells[number])
            ]:
                yield f"{what}: {name} at {'; '.join(places)}."


def describe_unspent(surface: Surface) -> Iterator[str]:
    """Yield the methods that leave over 1 % of a cell's computation unspent, the least user first.

    A budget is of each task, so that the least share of a task is added where it is lower by more
    than `UNEVEN`: then a small task may be left almost untrained in a trial that is well used.

    Tables of earlier releases do not have the budget, but FLOPs that it is not above, so that
    shares are then at most those of the budget; and no shares of tasks.
    """
    least, most = _range_by_method(surface.shares)
    of_task, _ = _range_by_method(surface.least_shares)
    uneven = of_task < least - UNEVEN
    parts = [
        f"{surface.methods[m]} {_range_text(least[m], most[m])}"
        + (f" ({decimal_text(of_task[m], 2)} of one task)" if uneven[m] else "")
        for m in np.argsort(np.where(uneven, of_task, least), kind="stable")
        if least[m] < WELL_USED or uneven[m]  # NaN, where no trial is complete, is not
    ]
    if parts:
        yield (
            "Computation is left unspent by whole steps, by as many steps on seeds whose tasks "
            "differ in size, and by methods without steps; shares of the budget of all tasks that "
            f"are spent, over cells: {', '.join(parts)}."
        )


def _range_by_method(shares: Floats) -> tuple[Floats, Floats]:
    """Return the least and the most share of each method, rounded to a hundredth; NaN if none."""
    used = np.round(shares, 2).reshape(len(shares), -1)
    return np.fmin.reduce(used, axis=1), np.fmax.reduce(used, axis=1)


def _range_text(least: float, most: float) -> str:
    low, high = decimal_text(least, 2), decimal_text(most, 2)
    return low if low == high else f"{low} to {high}"
