"""How the methods of a surface meet their budgets: what does not fit, exceeds, or is left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.results.intervals import Floats
from orchestrator.results.surface.excess import Mask, body_excess_mask
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import decimal_text
from orchestrator.terminal.surface_names import cell_name

WELL_USED = 0.99  # share of a budget
UNEVEN = 0.05  # below the share of all tasks


def describe_networks(surface: Surface) -> Iterator[str]:
    """Yield a warning if the networks of methods differ: cells then have several units."""
    count = len(set(surface.networks))
    if count > 1 and surface.compute != (None,):
        text = networks_text(count)
        yield f"{text[0].upper()}{text[1:]}."


def networks_text(count: int) -> str:
    """Return a warning on cells of several networks, without a capital or a full stop."""
    return (
        "the unit of computation is that of each trial's own network, so that cells of "
        f"the {count} networks are not at equal means: compare within a network"
    )


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
    """Yield a sentence on the cells that are above their budget, if any."""
    if cells := _cells_by_method(surface, surface.excess):
        yield (
            "Above their budget, so not comparable and left out of winners, areas, volumes, rates "
            f"and prices: {cells}."
        )


def describe_bodies(surface: Surface) -> Iterator[str]:
    """Yield a sentence on the cells that are above their budget by a frozen body alone, if any."""
    by_body = body_excess_mask(surface.storage, surface.carried, surface.excess)
    if cells := _cells_by_method(surface, by_body):
        yield f"Above their budget by a frozen body, which `backbone: apart` leaves out: {cells}."


def _cells_by_method(surface: Surface, cells: Mask) -> str:
    """Return the cells of a mask by method: `er (1 MB and 4 x; 2 MB and 4 x), lwf (...)`."""
    places = [
        "; ".join(cell_name(surface, int(a), int(b)) for a, b in np.argwhere(own)) for own in cells
    ]
    named = zip(surface.methods, places, strict=True)
    return ", ".join(f"{name} ({where})" for name, where in named if where)


def describe_unspent(surface: Surface) -> Iterator[str]:
    """Yield the methods that leave over 1 % of a cell's computation unspent, the least user first.

    A budget is of each task, so that the least share of a task is added where it is lower by more
    than `UNEVEN`: then a small task may be left almost untrained in a trial that is well used.

    A cell in which a method is above its budget is left out, whatever its other tasks leave.

    Tables of earlier releases do not have the budget, but FLOPs that it is not above, so that
    shares are then at most those of the budget; and no shares of tasks.
    """
    within = ~surface.excess[..., None]
    least, most = _range_by_method(np.where(within, surface.shares, np.nan))
    of_task, _ = _range_by_method(np.where(within, surface.least_shares, np.nan))
    uneven = of_task < least - UNEVEN
    parts = [
        f"{surface.methods[m]} {_range_text(least[m], most[m])}"
        + (f" ({decimal_text(of_task[m], 2)} of one task)" if uneven[m] else "")
        for m in np.argsort(np.where(uneven, of_task, least), kind="stable")
        if least[m] < WELL_USED or uneven[m]  # NaN, where no trial is complete, is not
    ]
    common = ", by as many steps on seeds whose tasks differ in size," * surface.common_steps
    if parts:
        yield (
            f"Computation is left unspent by whole steps{common} and by methods without steps; "
            f"shares of the budget of all tasks that are spent, over cells: {', '.join(parts)}."
        )


def _range_by_method(shares: Floats) -> tuple[Floats, Floats]:
    """Return the least and the most share of each method, rounded to a hundredth; NaN if none."""
    used = np.round(shares, 2).reshape(len(shares), -1)
    return np.fmin.reduce(used, axis=1), np.fmax.reduce(used, axis=1)


def _range_text(least: float, most: float) -> str:
    low, high = decimal_text(least, 2), decimal_text(most, 2)
    return low if low == high else f"{low} to {high}"
