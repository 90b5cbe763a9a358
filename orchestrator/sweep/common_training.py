"""The training of a sweep file, and what an entry of `methods` changes of it for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.sweep.section import SectionContent
from orchestrator.sweep.spaces.domains import is_domain
from orchestrator.sweep.spaces.nesting import LIFTED, NESTED, as_mapping, field_name

Mapped = Mapping[str, Any]
# Reads a training: the values, their place in the file, and a list that receives the mistakes.
TrainingReader = Callable[[dict[str, Any], str, list[str]], list[SectionContent]]


@dataclass(frozen=True)
class CommonTraining:
    """The `training` section of a file.

    Attributes:
        given: its values. parts: one for each point of its grids. mistakes: of its values.
        read: reads another training in the same way.
    """

    given: dict[str, Any]
    parts: list[SectionContent]
    mistakes: list[str]
    read: TrainingReader

    def override(self, own: Mapped, where: str, mistakes: list[str]) -> list[SectionContent]:
        """Return the trainings with the values of an entry; note the mistakes that are its own."""
        lines: list[str] = []
        parts = self.read(merge_training(self.given, own), where, lines)
        # What is wrong in the file's own training is noted there, once.
        common = {line.replace("training", where, 1) for line in self.mistakes}
        mistakes.extend(line for line in lines if line not in common)
        # Spaces of the file are checked in its own section, unless they are replaced.
        return [replace(part, given=own) for part in parts]


def merge_training(common: Mapped, own: Mapped) -> dict[str, Any]:
    """Return the training of a file, with the values of an entry replacing those of the file.

    An optimiser or a schedule with a name replaces the file's; options without a name replace
    single options of it. Epochs replace iterations, and the other way round.
    """
    merged = dict(common)
    for one, other in (("epochs", "iterations"), ("iterations", "epochs")):
        if one in own and other not in own:
            # Both at once would be a mistake that the entry did not make.
            merged.pop(other, None)
    for name, value in own.items():
        options = f"training.{name}" in NESTED and isinstance(value, dict)
        if options and not is_domain(value) and "name" not in value and name in merged:
            value = {**as_mapping(merged[name]), **value}
        merged[name] = value
    return _without_repeated_options(merged, own)


def _without_repeated_options(merged: dict[str, Any], own: Mapped) -> dict[str, Any]:
    """Drop options of the optimiser that the entry gives in their other form."""
    optimizer = merged.get("optimizer")
    for name in map(field_name, LIFTED.values()):
        given = own.get("optimizer")
        if isinstance(given, dict) and name in given and name not in own:
            merged.pop(name, None)
        elif name in own and isinstance(optimizer, dict) and not (given and name in given):
            merged["optimizer"] = {k: v for k, v in optimizer.items() if k != name}
    return merged
