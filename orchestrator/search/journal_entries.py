"""Entries of a journal: parsed from lines, and freed of repeats by other drivers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any, get_args

from orchestrator.hashing import canonical_json, parse_portable_json
from orchestrator.search.candidate import OVER
from orchestrator.search.ports import Decision

JournalEntry = Mapping[str, Any]

# The field that tells the kind of an entry -> the fields that the kind has; the first that is there
# decides, in the order in which a search that is resumed looks for them.
ENTRY_KINDS = {
    "identity": (),
    "point": ("number",),
    "stopped": ("number",),
    "adopted": ("number", "source"),
    "ended": ("number", "after", "story", "values"),
    "decision": ("number", "after", "values"),
}


def read_entry(line: bytes) -> JournalEntry | None:
    """Return the entry of a line; None if it is damaged.

    A file system that lost its last writes may leave NULs in their place, before what came next.
    """
    with suppress(ValueError, TypeError):
        entry = parse_portable_json(line.strip(b"\0\n"))
        return entry if isinstance(entry, dict) and _is_sound(entry) else None
    return None


def _is_sound(entry: JournalEntry) -> bool:
    """Return whether an entry has the fields of its kind, and values of their types."""
    needed = next((fields for kind, fields in ENTRY_KINDS.items() if kind in entry), None)
    if needed is None or not entry.keys() >= {"group", *needed}:
        return False
    return all(check(entry[name]) for name, check in _CHECKS.items() if name in entry)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_values(values: Any) -> bool:
    if not isinstance(values, list):
        return values is None
    return bool(values) and all(type(value) in (int, float) for value in values)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "group": lambda value: isinstance(value, str),
    "identity": lambda value: isinstance(value, str | None),
    "number": _is_count,
    "point": lambda value: isinstance(value, dict),
    "stopped": lambda value: value is True,
    "adopted": lambda value: isinstance(value, dict),
    "source": _is_count,
    "after": lambda value: type(value) is int and value >= -1,
    "ended": lambda value: value in tuple(OVER),  # which may not be hashable
    "story": lambda value: isinstance(value, str),
    "decision": lambda value: value in get_args(Decision),
    "values": _is_values,
}


def remove_repeats(entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    """Return the entries of one group without those that a second driver repeated.

    An entry that is written twice counts once, and the first decision about a candidate at a depth
    stands. Entries end before one that contradicts those before it, such as another draw of a
    number or a step of a candidate that was not drawn: a search can go on from any prefix of its
    journal, and the stages are in the store.
    """
    kept: list[JournalEntry] = []
    points: list[str] = []
    past: set[Hashable] = set()
    for entry in entries:
        drawn = [canonical_json(entry["point"])] if "point" in entry else []
        # The same draw, written by both drivers.
        if drawn and points[entry["number"] : entry["number"] + 1] == drawn:
            continue
        if _is_contradiction(entry, len(points)):
            break
        points += drawn
        if not drawn and past & {canonical_json(entry), _step(entry), entry["number"]}:
            continue
        if "adopted" in entry:  # it goes on from another's depth, and may reach its own again
            past -= {step for step in past if step == (entry["number"], *_step_suffix(step))}
        past |= {canonical_json(entry), _step(entry)}
        if _is_end(entry):
            past.add(entry["number"])
        kept.append(entry)
    return kept


def _is_contradiction(entry: JournalEntry, num_drawn: int) -> bool:
    if "point" in entry:  # under a number that is taken: from here on the drivers differ
        return bool(entry["number"] != num_drawn)
    return bool(max(entry["number"], entry.get("source", 0)) >= num_drawn)


def _is_end(entry: JournalEntry) -> bool:
    return "ended" in entry or "stopped" in entry or entry.get("decision") == "stop"


def _step_suffix(step: Hashable) -> tuple[Any, ...]:
    return step[1:] if isinstance(step, tuple) else ()


def _step(entry: JournalEntry) -> Hashable:
    """Return the part of an entry that is unique: a candidate's decision at a depth."""
    if "after" not in entry:
        return canonical_json(entry)
    return entry["number"], entry["after"], "ended" in entry
