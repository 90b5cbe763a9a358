"""The bytes that a trial never exceeds, whatever the number of tasks, by arithmetic."""

from __future__ import annotations

from methods.parts.memory import Memory
from orchestrator.sweep.means.storage import memories, state_bytes
from orchestrator.sweep.trial import Trial

FEWEST_TASKS = 3  # that show whether what is carried beside a memory grows

# By the key of the last stage: a trial has a cell for each budget.
_BOUNDS: dict[str, int | None] = {}


def bound_bytes(trial: Trial) -> int | None:
    """Return the most bytes that a trial carries after any number of tasks; None: no bound.

    They are those of a full memory and, of a state that is sized by what is learned, of its widest.
    There is no bound where data are kept for good, where more is carried after the last task than
    after the second, and of a memory of files or one that grows with the classes.

    Args:
        trial: as its file configures it, on seeds that all carry as much; a forecast's has none,
            and no bound.
    """
    if not trial.seeds:
        return None
    stages = trial.stages(trial.seeds[0])
    if stages[-1].key not in _BOUNDS:
        try:
            _BOUNDS[stages[-1].key] = find_bound(trial)
        except Exception:  # of the user's own method; its trial fails with a story of its own
            _BOUNDS[stages[-1].key] = None
    return _BOUNDS[stages[-1].key]


def find_bound(trial: Trial) -> int | None:
    """Return the bytes of `bound_bytes`."""
    seed = trial.seeds[0]
    stages = trial.stages(seed)
    if trial.method.cls.trains_on != "current" or len(stages) <= FEWEST_TASKS:
        return None
    early, late = (state_bytes(stages[after]) for after in (2, -1))
    stores = memories(trial, seed)
    if early != late or not all(map(has_bound, stores)):
        return None
    full = sum(each.capacity * each.row_bytes + each.counter_bytes for each in stores)
    return sum(late.values()) + full


def has_bound(memory: Memory) -> bool:
    """Return whether the bytes of a memory that is full are known."""
    return memory.budget.codec is None and memory.budget.per_class is None
