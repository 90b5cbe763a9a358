"""The dials of a trial that were solved for: its memory, and its steps on each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator.stages.learning.step_budget import STEP_BUDGET, StepBudget
from orchestrator.sweep.means.storage import set_memory
from orchestrator.sweep.trial import TaskValues, Trial

ITERATIONS = "training.iterations"


def memory_dial(trial: Trial, size: int) -> dict[str, object]:
    """Return what sets the memory of a trial to a size, by place."""
    # Also by another size, since the file may give the very one that was solved for.
    others = [vars(each.method.config) for each in (trial, set_memory(trial, 2 * size))]
    values = vars(set_memory(trial, size).method.config)
    # Setting the memory may also clear its other unit, which is no dial.
    return {
        f"method.{name}": value
        for name, value in values.items()
        if value is not None and any(value != other[name] for other in others)
    }


def set_steps(trial: Trial, steps: Mapping[int, tuple[int, ...]]) -> Trial:
    """Return a trial that takes a number of steps on each task of a seed.

    They are part of its configuration if all seeds have the same.
    """
    trial = set_no_length(trial)
    schedules = seed_schedules(ITERATIONS, steps)
    (first, numbers), *_ = steps.items()
    if any(numbers != others for others in steps.values()):
        return replace(trial, schedules=schedules)
    dial = {**trial.dial, ITERATIONS: list(numbers)}
    return replace(trial, schedule=schedules[first], dial=dial)


def set_step_budgets(trial: Trial, budgets: Mapping[int, tuple[StepBudget, ...]]) -> Trial:
    """Return a trial whose steps on each task of a seed follow from its state.

    The dial has a place for them, which its rows fill once they are taken.
    """
    dial = {**trial.dial, ITERATIONS: []}
    return replace(set_no_length(trial), schedules=seed_schedules(STEP_BUDGET, budgets), dial=dial)


def set_no_length(trial: Trial) -> Trial:
    """Return a trial whose training is as long as its schedule says."""
    return replace(trial, training=replace(trial.training, epochs=1, iterations=None))


def seed_schedules(place: str, values: Mapping[int, Sequence[object]]) -> dict[int, TaskValues]:
    """Return seed -> schedule, given seed -> the value at a place on each task."""
    return {seed: tuple({place: value} for value in tasks) for seed, tasks in values.items()}
