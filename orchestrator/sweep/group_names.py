"""Names of groups: the method and, where several share it, the constants that differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.hashing import canonical_json
from orchestrator.sweep.group import Group, format_value
from orchestrator.sweep.spaces.domains import Point
from orchestrator.sweep.spaces.nesting import field_name


def name_groups(groups: list[Group]) -> list[Group]:
    """Name groups by their method and, where several share it, by the constants that differ."""
    renamed, taken = [], set[str]()
    for group in groups:
        mates = [other for other in groups if other.parts[3].examples[0].name == group.name]
        apart = distinctions(group, mates)
        constants = (f"{field_name(place)}={format_value(value)}" for place, value in apart)
        name = " ".join([group.name, *constants])
        # Constants may differ beyond what a name shows; such groups are numbered.
        number = 2
        while name in taken:
            name, number = f"{name.partition(' #')[0]} #{number}", number + 1
        taken.add(name)
        renamed.append(replace(group, name=name))
    return renamed


def distinctions(group: Group, mates: list[Group]) -> list[tuple[str, Any]]:
    """Return the constants of a group that its mates do not all have."""
    others = [constants(mate) for mate in mates]
    return [
        (place, value)
        for place, value in constants(group).items()
        if any(canonical_json(other.get(place)) != canonical_json(value) for other in others)
    ]


def constants(group: Group) -> Point:
    """Return a group's constants by place."""
    given = {f"{p.form.section}.{name}": v for p in group.parts for name, v in p.constants.items()}
    budgets = {} if group.cell is None else group.cell.trial.selection["means"]
    return given | {f"means.{name}": value for name, value in budgets.items()}
