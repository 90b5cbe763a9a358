"""The journal of a search: what was drawn and decided, written down before it is acted upon.

A line of JSON each. A driver that is killed and started again reads it and stands where it stood:
what was drawn is not drawn anew, and who was stopped stays stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.hashing import canonical

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
            self._take(entry)

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

    def _take(self, entry: Entry) -> None:
        if "identity" in entry:
            self._identity[entry["group"]] = entry["identity"]
            self._entries[entry["group"]] = []
        else:
            self._entries[entry["group"]].append(entry)

    def _read(self) -> list[Entry]:
        """Return the whole lines; the last may be half written, and is taken away."""
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data) and not self._read_only:
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        return [json.loads(line) for line in whole.splitlines()]
