"""The entries of `methods` in a sweep file: a method, and the training it is learned with.

An entry may change values of the file's `training` for itself: `{name: ewc, training: {lr: 0.01}}`,
and name itself in all that is printed or drawn: `{name: er, label: ER (ours)}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.stages.code.source import Source
from orchestrator.sweep.common_training import CommonTraining
from orchestrator.sweep.means.anchors import anchors_to_add, requests_all_anchors
from orchestrator.sweep.read_section import read_component
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.section import SectionContent

MAX_LABEL = 80  # characters


@dataclass(frozen=True)
class MethodEntry:
    """A method of a sweep file and its trainings: its own, or those of the file.

    Attributes:
        own: whether the entry changes the training.
        optional: whether it is left out where it does not go with the other sections.
    """

    method: SectionContent
    trainings: list[SectionContent]
    own: bool
    optional: bool = False


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
        label = read_label(given, where, mistakes)
        parts = read_component("method", where, drop_entry_keys(given), source, mistakes, grids)
        entries += [
            MethodEntry(replace(part, label=label), trainings, isinstance(own, dict))
            for part in parts
        ]
    return entries


def read_anchors(
    content: dict[str, Any], common: CommonTraining, source: Source, mistakes: list[str]
) -> list[MethodEntry]:
    """Return the entries that the means of a file add to its methods."""
    optional = requests_all_anchors(content)
    return [
        MethodEntry(part, common.parts, own=False, optional=optional)
        for name in anchors_to_add(content)
        for part in read_component("method", "means.anchors", name, source, mistakes, False)
    ]


def read_label(given: Any, where: str, mistakes: list[str]) -> str:
    """Return the label of an entry of `methods`; "" if it has none, or none that is valid."""
    label = given.get("label", "") if isinstance(given, dict) else ""
    printable = isinstance(label, str) and label.isprintable() and label == label.strip()
    if "label" in (given if isinstance(given, dict) else ()) and not (
        printable and 0 < len(label) <= MAX_LABEL
    ):
        valid = f"text of 1 to {MAX_LABEL} characters in one line"
        long = isinstance(label, str) and len(label) > MAX_LABEL
        length = f" of {len(label)} characters" if long else ""
        mistakes.append(f"{where}.label: must be {valid}, given {abbreviate(label)}{length}")
        return ""
    return str(label)


def drop_entry_keys(entry: Any) -> Any:
    """Return an entry of `methods` without its own training and its label."""
    if not isinstance(entry, dict):
        return entry
    return {key: value for key, value in entry.items() if key not in ("training", "label")}


def find_repetitions(entries: list[MethodEntry]) -> Iterator[str]:
    """Yield the entries of `methods` that repeat an earlier one, or its label."""
    yield from find_repeated_labels(entries)
    first: dict[tuple[str, str], str] = {}
    # The parts of a grid share what the file gives, and that may be as long as there are parts.
    given = {id(each.given): each.given for entry in entries for each in entry.trainings}
    texts_given = {number: repr(section) for number, section in given.items()}
    for entry in entries:
        method, where = entry.method, entry.method.form.where
        trainings = entry.trainings if method.examples else []
        # By what they mean: entries may be written differently and be the same trial.
        texts = [
            (method.description, t.description if t.examples else texts_given[id(t.given)])
            for t in trainings
        ]
        if same := {first.setdefault(text, where) for text in texts} - {where}:
            kind = "search" if any(p.space for p in (method, *trainings)) else "trial"
            yield f"{where}: the same {kind} as {min(same)}"


def find_repeated_labels(entries: list[MethodEntry]) -> Iterator[str]:
    """Yield the labels that several entries have."""
    places: dict[str, str] = {}
    for part in (entry.method for entry in entries if entry.method.label):
        where = places.setdefault(part.label, part.form.where)
        if where != part.form.where:
            yield f"{part.form.where}.label: {part.label!r} is that of {where} too; choose another"
