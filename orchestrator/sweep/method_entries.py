"""The entries of `methods` in a sweep file: a method, and the training it is learned with.

An entry may change values of the file's `training` for itself: `{name: ewc, training: {lr: 0.01}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.stages.code.source import Source
from orchestrator.sweep.decoding import abbreviate
from orchestrator.sweep.nesting import LIFTED, NESTED, as_mapping, field_name
from orchestrator.sweep.section import Part, read_component
from orchestrator.sweep.spaces import is_domain

Mapped = Mapping[str, Any]
# Reads a training: the values, their place in the file, and a list that receives the mistakes.
TrainingReader = Callable[[dict[str, Any], str, list[str]], list[Part]]


@dataclass(frozen=True)
class MethodEntry:
    """A method of a sweep file and its trainings: its own, or those of the file.

    Attributes:
        own: whether the entry changes the training.
    """

    method: Part
    trainings: list[Part]
    own: bool


@dataclass(frozen=True)
class CommonTraining:
    """The `training` section of a file.

    Attributes:
        given: its values. parts: one for each point of its grids. mistakes: of its values.
        read: reads another training in the same way.
    """

    given: dict[str, Any]
    parts: list[Part]
    mistakes: list[str]
    read: TrainingReader

    def override(self, own: Mapped, where: str, mistakes: list[str]) -> list[Part]:
        """Return the trainings with the values of an entry; note the mistakes that are its own."""
        lines: list[str] = []
        parts = self.read(merge_training(self.given, own), where, lines)
        common = {line.replace("training", where, 1) for line in self.mistakes}
        mistakes.extend(line for line in lines if line not in common)
        # Spaces of the file are checked in its own section, unless they are replaced.
        return [replace(part, given=own) for part in parts]


def merge_training(common: Mapped, own: Mapped) -> dict[str, Any]:
    """Return the training of a file with the values of an entry in place of its own.

    An optimiser or a schedule with a name replaces the file's; options without a name replace
    single options of it. Epochs replace iterations, and the other way round.
    """
    merged = dict(common)
    for one, other in (("epochs", "iterations"), ("iterations", "epochs")):
        if one in own and other not in own:
            merged.pop(other, None)
    for name, value in own.items():
        options = f"training.{name}" in NESTED and isinstance(value, dict)
        if options and not is_domain(value) and "name" not in value and name in merged:
            value = {**as_mapping(merged[name]), **value}
        merged[name] = value
    return _without_repeated_options(merged, own)


def _without_repeated_options(merged: dict[str, Any], own: Mapped) -> dict[str, Any]:
    """Drop what the entry gives in the other of the two forms of an option of the optimiser."""
    optimizer = merged.get("optimizer")
    for name in map(field_name, LIFTED.values()):
        given = own.get("optimizer")
        if isinstance(given, dict) and name in given and name not in own:
            merged.pop(name, None)
        elif name in own and isinstance(optimizer, dict) and not (given and name in given):
            merged["optimizer"] = {k: v for k, v in optimizer.items() if k != name}
    return merged


def read_method_entries(
    methods: list[Any], common: CommonTraining, source: Source, mistakes: list[str], grids: bool
) -> list[MethodEntry]:
    """Return the methods of a file with their trainings, one for each point of their grids.

    Args:
        methods: the entries of the file.
        common: the training that entries share.
        source: the user's own code, which may define a method.
        mistakes: receives the mistakes, each in a line.
        grids: whether grids are domains, to be searched rather than compared.
    """
    entries = []
    for i, given in enumerate(methods):
        where, trainings = f"methods[{i}]", common.parts
        own = given.get("training") if isinstance(given, dict) else None
        if isinstance(own, dict):
            trainings = common.override(own, f"{where}.training", mistakes)
        elif own is not None:
            valid = "keys and values"
            mistakes.append(f"{where}.training: must be {valid}, given {abbreviate(own)}")
        parts = read_component("method", where, without_training(given), source, mistakes, grids)
        entries += [MethodEntry(part, trainings, isinstance(own, dict)) for part in parts]
    return entries


def without_training(entry: Any) -> Any:
    """Return an entry of `methods` without its own training."""
    if not isinstance(entry, dict):
        return entry
    return {key: value for key, value in entry.items() if key != "training"}


def find_repetitions(entries: list[MethodEntry]) -> Iterator[str]:
    """Yield the entries of `methods` that repeat an earlier one."""
    first: dict[str, str] = {}
    for entry in entries:
        method, where = entry.method, entry.method.form.where
        trainings = entry.trainings if method.examples else []
        texts = [f"{method.describe()} {describe(each)}" for each in trainings]
        if same := {first.setdefault(text, where) for text in texts} - {where}:
            kind = "search" if any(p.space for p in (method, *trainings)) else "trial"
            yield f"{where}: the same {kind} as {min(same)}"


def describe(training: Part) -> str:
    """Return the same text for the same training, also with mistakes."""
    return training.describe() if training.examples else repr(training.given)
