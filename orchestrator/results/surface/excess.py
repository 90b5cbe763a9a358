"""The cells in which a method is above its budget: it had more means than the others of the cell.

No dial that was solved for right lets this be, so that such a cell says nothing: it wins nothing,
and no area, volume, rate or price has it. `Surface.values` is NaN there, which is where all of them
begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from orchestrator.results.intervals import Floats

ROUNDING = 1e-12  # of a budget, a product of floats
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def excess_mask(
    storage: Sequence[int | None], carried: Floats, bodies: Floats, shares: Floats
) -> Mask:
    """Return whether each method is above its budget in each cell [M, A, B].

    With `backbone: apart` a budget leaves out the frozen body, but tables of earlier releases do
    not record this. So a body is never counted here, see `body_excess_mask`.

    Args:
        storage: budgets in bytes [A]; None is free.
        carried: bytes after the task with the most, by seed [M, A, B, S].
        bodies: bytes of a frozen body among them, likewise.
        shares: the most of the budget of a task that was spent, likewise.
    """
    above = (carried - bodies > _limits(storage)) | (shares > 1 + ROUNDING)
    return np.asarray(above.any(axis=-1))


def body_excess_mask(storage: Sequence[int | None], carried: Floats, excess: Mask) -> Mask:
    """Return whether each method is above its budget of storage by its frozen body alone."""
    return np.asarray((carried > _limits(storage)).any(axis=-1) & ~excess)


def _limits(storage: Sequence[int | None]) -> Floats:
    limits = [np.inf if each is None else float(each) for each in storage]
    return np.array(limits)[:, None, None]
