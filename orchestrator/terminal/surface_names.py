"""Names of budgets and of cells as text."""

from __future__ import annotations

import numpy as np

from orchestrator.columns import OTHERS_BY_NAME
from orchestrator.results.surface.excess import Mask
from orchestrator.results.surface.surface import Surface
from orchestrator.results.units import bytes_text, noun_text
from orchestrator.sweep.means.budget_text import epochs_text, fine_tuning_text

# Why a cell has no value.
UNASKED, UNFIT, EXCESS = "not asked for", "does not fit", "above budget"
INCOMPLETE = "not complete"
EMPTY = (UNASKED, UNFIT, EXCESS, INCOMPLETE)
COMPUTE_AXIS = OTHERS_BY_NAME["means_compute"].title("computation")


def empty_masks(surface: Surface) -> dict[str, Mask]:
    """Return a reason that a cell has no value -> the cells that have none for it [M, A, B]."""
    known = np.isfinite(surface.mean) | surface.infeasible | surface.excess
    return {
        UNASKED: ~known & ~surface.asked,
        UNFIT: surface.infeasible,
        EXCESS: surface.excess,
        INCOMPLETE: ~known & surface.asked,
    }


def empty_reason(surface: Surface, cell: tuple[int, int, int]) -> str | None:
    """Return the reason that a method, storage and computation has no value; None if it has one."""
    return next((why for why, cells in empty_masks(surface).items() if cells[cell]), None)


def reason_without_winner(surface: Surface, storage: int, compute: int) -> str:
    """Return the reason that a cell has no winner.

    Of the reasons of its methods it is the last of EMPTY, so that nothing fits only if no method
    that was asked for does.
    """
    methods = range(len(surface.methods))
    reasons = {empty_reason(surface, (method, storage, compute)) for method in methods}
    return [why for why in EMPTY if why in reasons][-1]


def text_without_winner(surface: Surface, storage: int, compute: int) -> str:
    """Return the text of a cell that has no winner."""
    reason = reason_without_winner(surface, storage, compute)
    return "nothing fits" if reason == UNFIT else reason


def seed_count_text(surface: Surface) -> str:
    """Return the number of seeds as text: `1 seed`."""
    return noun_text(str(len(surface.seeds)), "seed")


def storage_name(size: int | None) -> str:
    """Return a budget of storage as text."""
    return "any storage" if size is None else bytes_text(size)


def compute_name(compute: float | None) -> str:
    """Return a budget of computation as text."""
    return "any computation" if compute is None else fine_tuning_text(compute)


def cell_name(surface: Surface, storage: int, compute: int) -> str:
    """Return a cell as text: `1 MB and 4 x`."""
    return budget_text(surface.storage[storage], surface.compute[compute])


def budget_text(size: int | None, epochs: float | None) -> str:
    """Return budgets of storage and computation as text; None is free."""
    parts = [] if size is None else [bytes_text(size)]
    return " and ".join([*parts, *([] if epochs is None else [epochs_text(epochs)])])
