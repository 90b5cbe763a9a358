"""The journal of a search: what was drawn and decided, written down before it is acted upon.

A line of JSON each. A driver that is killed and started again reads it and stands where it stood:
what was drawn is not drawn anew, and who was stopped stays stopped.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.hashing import canonical
from orchestrator.search.overlap import without_repeats
from orchestrator.stages.files import write_atomically

FILE = "search.jsonl"
Entry = Mapping[str, Any]


class Journal:
    """The entries of the searches of a sweep, by group.

    Args:
        path: the file; it is made when the first entry is.
        read_only: nothing is written, as if it were.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._path, self._read_only = path, read_only
        self._entries: dict[str, list[Entry]] = {}
        self._identity: dict[str, str] = {}
        for entry in self._read():
            if self._identity.get(entry["group"]) != entry.get("identity", ""):
                self._take(entry)
        self._mend()

    def entries(self, group: str, identity: str) -> list[Entry]:
        """Return what was written of a group; nothing if that was another search.

        Args:
            group: its name.
            identity: of all that its candidates and their results are made of.
        """
        if self._identity.get(group) != identity:
            self.append({"group": group, "identity": identity})
        return list(self._entries[group])

    def identity(self, group: str) -> str | None:
        """Return the identity of the search that a group's entries are of; None if it has none."""
        return self._identity.get(group)

    def append(self, entry: Entry) -> None:
        """Write an entry, {"group": ...} and more; it is on the disk when this returns."""
        self._take(entry)
        if self._read_only:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(canonical(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _mend(self) -> None:
        """Leave out what a second driver wrote at the same time, and keep the file as it was."""
        single = {group: without_repeats(part) for group, part in self._entries.items()}
        if single == self._entries:
            return
        self._entries = single
        if not self._read_only:
            shutil.copy2(self._path, self._path.with_name(f"{self._path.name}.overlapped"))
            lines = [
                canonical(entry) + "\n"
                for group, part in single.items()
                for entry in ({"group": group, "identity": self._identity.get(group)}, *part)
            ]
            write_atomically(self._path, "".join(lines).encode())

    def _take(self, entry: Entry) -> None:
        if "identity" in entry:
            self._identity[entry["group"]] = entry["identity"]
            self._entries[entry["group"]] = []
        else:
            self._entries.setdefault(entry["group"], []).append(entry)

    def _read(self) -> list[Entry]:
        """Return the entries up to the first that cannot be read, and take away what follows.

        A search goes on from any beginning of its journal: what it then lacks is drawn and decided
        again, with the stages that are in the store. A half-written last line is no damage.
        """
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        entries: list[Entry] = []
        whole = 0
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            entry = _entry(line)
            if entry is None:
                self._set_aside(data[whole:], len(entries) + 1)
                break
            entries.append(entry)
            whole += len(line)
        if whole < len(data) and not self._read_only:
            with self._path.open("r+b") as file:
                file.truncate(whole)
        return entries

    def _set_aside(self, damaged: bytes, number: int) -> None:
        """Keep what cannot be read beside the journal, and say so."""
        beside = self._path.with_name(f"{self._path.name}.damaged")
        logging.getLogger(__name__).warning(
            "%s is damaged from line %d on (after a crash of this machine, say); the search goes "
            "on from the line before it, and %s keeps the rest",
            self._path,
            number,
            beside,
        )
        if not self._read_only:
            with beside.open("ab") as file:
                file.write(damaged)


def _entry(line: bytes) -> Entry | None:
    """Return the entry of a line; None if it is damaged.

    A file system that lost its last writes may leave NULs in their place, before what came next.
    """
    try:
        entry = json.loads(line.strip(b"\0\n"))
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("group"), str) else None
