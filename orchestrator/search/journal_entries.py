"""Entries of a journal: parsed from lines, and freed of repeats by other drivers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from orchestrator.hashing import canonical_json, parse_json

JournalEntry = Mapping[str, Any]


def read_entry(line: bytes) -> JournalEntry | None:
    """Return the entry of a line; None if it is damaged.

    A file system that lost its last writes may leave NULs in their place, before what came next.
    """
    with suppress(ValueError):
        entry = parse_json(line.strip(b"\0\n"))
        return entry if isinstance(entry, dict) and isinstance(entry.get("group"), str) else None
    return None


def remove_repeats(entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    """Return the entries of one group without those that a second driver repeated.

    An entry that is written twice counts once, and the first decision about a candidate at a depth
    stands. Entries end before a draw that contradicts an earlier one: a search can go on from any
    prefix of its journal, and the stages are in the store.
    """
    kept: list[JournalEntry] = []
    points: list[str] = []
    past: set[Hashable] = set()
    for entry in entries:
        if "point" in entry:
            point = canonical_json(entry["point"])
            # The same draw, written by both drivers.
            if point in points[entry["number"] : entry["number"] + 1]:
                continue
            # Another point under a number that is taken: from here on the drivers differ.
            if entry["number"] != len(points):
                break
            points.append(point)
        elif past & {canonical_json(entry), _step(entry), entry["number"]}:
            continue
        if "adopted" in entry:  # it goes on from another's depth, and may reach its own again
            past -= {step for step in past if step == (entry["number"], *_step_suffix(step))}
        past |= {canonical_json(entry), _step(entry)}
        if _is_end(entry):
            past.add(entry["number"])
        kept.append(entry)
    return kept


def _is_end(entry: JournalEntry) -> bool:
    return "ended" in entry or "stopped" in entry or entry.get("decision") == "stop"


def _step_suffix(step: Hashable) -> tuple[Any, ...]:
    return step[1:] if isinstance(step, tuple) else ()


def _step(entry: JournalEntry) -> Hashable:
    """Return the part of an entry that is unique: a candidate's decision at a depth."""
    if "after" not in entry:
        return canonical_json(entry)
    return entry["number"], entry["after"], "ended" in entry
