"""Names of groups: the method and, where several share it, the constants that differ.

The reader is shown the label of the sweep file in place of the method; journals and tables are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from orchestrator.hashing import canonical_json
from orchestrator.sweep.group import Group, format_value
from orchestrator.sweep.spaces.domains import Point
from orchestrator.sweep.spaces.nesting import field_name

NUMBER = re.compile(r" #\d+(?= |$)")


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
    methods = [group.parts[3] for group in groups]
    titles = group_titles(
        (each.name, method.examples[0].name, method.label)
        for each, method in zip(renamed, methods, strict=True)
    )
    return [replace(each, title=title) for each, title in zip(renamed, titles, strict=True)]


def group_titles(groups: Iterable[tuple[str, str, str | None]]) -> list[str]:
    """Return a title for each group of a sweep, numbered where two would have one.

    Args:
        groups: the name, the method and the label of each; None: it has no label.
    """
    titles: list[str] = []
    for name, method, label in groups:
        rest, number = name.removeprefix(method), 1
        while (title := f"{label or method}{_with_number(rest, number)}") in titles:
            number += 1
        titles.append(title)
    return titles


def _with_number(rest: str, number: int) -> str:
    """Return what follows a group's method with another number, which 1 leaves out."""
    text = f" #{number}" if number > 1 else ""
    return NUMBER.sub(text, rest, count=1) if NUMBER.search(rest) else rest + text


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
