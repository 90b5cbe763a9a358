"""Schedules of the learning rate as in a sweep file: a name, alone or with options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from orchestrator.errors import require, suggest
from orchestrator.stages.learning.decays import SCHEDULES
from orchestrator.stages.learning.schedules import Schedule
from orchestrator.stages.option_values import convert

# Names of a schedule's length, which is always that of the training.
LENGTHS = frozenset({"epochs", "iterations", "T_max", "total_steps"})


def read_schedule(given: str | Mapping[str, Any], lr: float, length: float, unit: str) -> Schedule:
    """Return the schedule of a name, or of a mapping with a name and options.

    Args:
        given: as in a sweep file.
        lr: the rate of the training.
        length: of the training.
        unit: "epochs" or "iterations".

    Raises:
        ValueError: an unknown name or option, or a value that does not fit the training.
    """
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = options.pop("name", None)
    valid = f"one of {', '.join(sorted(SCHEDULES))}"
    require(isinstance(name, str), "schedule.name", name, valid)
    if name not in SCHEDULES:
        raise ValueError(f"schedule: unknown schedule {name!r}; {suggest(str(name), SCHEDULES)}")
    cls = SCHEDULES[name]
    kinds = {field.name: str(field.type) for field in fields(cls)}
    try:
        for option in options.keys() - kinds.keys():
            valid = f"left out: a schedule is as long as the training, {length:g} {unit}"
            require(option not in LENGTHS, option, options[option], valid)
            raise ValueError(f"{option}: unknown option of {name}; {suggest(option, kinds)}")
        schedule = cls(**{o: convert(o, value, kinds[o]) for o, value in options.items()})
        schedule.check(lr, length, unit)
    except ValueError as error:
        raise ValueError(f"schedule.{error}") from None
    return schedule


def describe_schedule(schedule: Schedule) -> str | dict[str, Any]:
    """Return a schedule in the form of a sweep file, with all options; "constant" without any."""
    if schedule == Schedule():
        return schedule.name
    return {"name": schedule.name, **asdict(schedule)}
