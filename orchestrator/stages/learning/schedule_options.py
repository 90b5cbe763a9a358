"""Schedules of the learning rate as in a sweep file: a name, alone or with options.

A name is of the table of schedules, or `module:Class` of the user's own.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any, cast

from orchestrator.errors import RepertoireError, require, suggest
from orchestrator.stages.code.classes import import_class, is_dotted
from orchestrator.stages.code.source import Source
from orchestrator.stages.learning.decays import SCHEDULES
from orchestrator.stages.learning.schedules import Schedule
from orchestrator.stages.option_values import convert

# Names of a schedule's length, which is always that of the training.
LENGTHS = frozenset({"epochs", "iterations", "T_max", "total_steps"})


def read_schedule(
    given: str | Mapping[str, Any],
    lr: float,
    length: float,
    unit: str,
    source: Source | None = None,
) -> Schedule:
    """Return the schedule of a name, or of a mapping with a name and options.

    Args:
        given: as in a sweep file.
        lr: the rate of the training.
        length: of the training.
        unit: "epochs" or "iterations".
        source: the user's own code; if None, it is captured for a dotted name.

    Raises:
        ValueError: an unknown name or option, or a value that does not fit the training.
    """
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = schedule_name(given)
    options.pop("name", None)
    cls = schedule_class(name, source)
    kinds = option_kinds(cls)
    try:
        for option in options.keys() - kinds.keys():
            valid = f"left out: a schedule is as long as the training, {length:g} {unit}"
            require(option not in LENGTHS, option, options[option], valid)
            raise ValueError(f"{option}: unknown option of {name}; {suggest(option, kinds)}")
        schedule = cls(**{o: convert(o, value, kinds[o]) for o, value in options.items()})
        schedule.check(lr, length, unit)
    except ValueError as error:
        raise ValueError(f"schedule.{error}") from None
    except Exception as error:  # a class of the user's own may raise anything
        refusal = f"{type(error).__name__}: {error}"
        raise ValueError(f"schedule: {name} refuses its options: {refusal}") from error
    return schedule


def schedule_name(given: str | Mapping[str, Any]) -> str:
    """Return the name of a schedule as in a sweep file.

    Raises:
        ValueError: it has none.
    """
    name = given if isinstance(given, str) else given.get("name")
    if not isinstance(name, str):
        valid = ", ".join(sorted(SCHEDULES))
        raise ValueError(f"schedule.name must be one of {valid}, given {name}")
    return name


def schedule_class(name: str, source: Source | None = None) -> type[Schedule]:
    """Return the class of the name of a schedule.

    Raises:
        ValueError: there is no such class.
    """
    if name in SCHEDULES:
        return SCHEDULES[name]
    if not is_dotted(name):
        valid = suggest(name, [*SCHEDULES, "your_module:YourClass"])
        raise ValueError(f"schedule: unknown schedule {name!r}; {valid}")
    try:
        cls = import_class(f"schedule {name!r}", name, Schedule, source)
    except RepertoireError as error:
        raise ValueError(f"schedule: {error}") from None
    if objection := _class_objection(cls):
        raise ValueError(f"schedule: {name} {objection}")
    return cls


def _class_objection(cls: type[Schedule]) -> str | None:
    """Return an objection to a class of the user's own that would train without effect, or None."""
    if cls.decay is Schedule.decay:
        return "must define decay(self, step, warm, span), the factor of the rate at a step"
    own = vars(cls)
    if own.get("__annotations__") and "__dataclass_fields__" not in own:
        return "has options but is no dataclass; put @dataclass(frozen=True, kw_only=True) above it"
    return None


def option_kinds(cls: type[Schedule]) -> Mapping[str, str]:
    """Return option -> name of its type, which is text where annotations are not evaluated."""
    return _option_kinds(cast(Hashable, cls))


@lru_cache(maxsize=64)  # a sweep has thousands of trainings, and few schedules
def _option_kinds(cls: Any) -> Mapping[str, str]:
    types = {field.name: field.type for field in fields(cls)}
    return {o: t.__name__ if isinstance(t, type) else str(t) for o, t in types.items()}


def describe_schedule(name: str, schedule: Schedule) -> str | dict[str, Any]:
    """Return a schedule in the form of a sweep file, with all options; "constant" without any."""
    if schedule == Schedule():
        return name
    # The default of a number may be written as 1, which is the same value as 1.0.
    kinds, values = option_kinds(type(schedule)), asdict(schedule)
    return {"name": name, **{o: convert(o, values[o], kind) for o, kind in kinds.items()}}
