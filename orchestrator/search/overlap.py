"""A journal that two drivers wrote at once, before a results folder had one writer."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from orchestrator.hashing import canonical

Entry = Mapping[str, Any]


def without_repeats(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries of one group as one driver would have written them.

    An entry that is written twice counts once, and the first decision about a candidate at a depth
    stands. Entries end before a draw that contradicts an earlier one: a search can go on from any
    prefix of its journal, and the stages are in the store.
    """
    kept: list[Entry] = []
    points: list[str] = []
    past: set[Hashable] = set()
    for entry in entries:
        if "point" in entry:
            point = canonical(entry["point"])
            if point in points[entry["number"] : entry["number"] + 1]:
                continue
            if entry["number"] != len(points):
                break
            points.append(point)
        elif past & {canonical(entry), _step(entry), entry["number"]}:
            continue
        if "adopted" in entry:  # it goes on from another's depth, and may reach its own again
            past -= {step for step in past if step == (entry["number"], *_rest(step))}
        past |= {canonical(entry), _step(entry)} | ({entry["number"]} if _is_end(entry) else set())
        kept.append(entry)
    return kept


def _is_end(entry: Entry) -> bool:
    return "ended" in entry or "stopped" in entry or entry.get("decision") == "stop"


def _rest(step: Hashable) -> tuple[Any, ...]:
    return step[1:] if isinstance(step, tuple) else ()


def _step(entry: Entry) -> Hashable:
    """Return the part of an entry that is unique: a candidate's decision at a depth."""
    if "after" not in entry:
        return canonical(entry)
    return entry["number"], entry["after"], "ended" in entry
