"""The journal of a search: draws and decisions, written before they take effect.

Each is a line of JSON. A driver that is killed and started again takes the same steps from the
journal: points are not drawn again, and a stopped candidate stays stopped.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.errors import RepertoireError
from orchestrator.hashing import canonical_json
from orchestrator.search.journal_entries import JournalEntry, read_entry, remove_repeats

FILE = "search.jsonl"


class Journal:
    """The entries of the searches of a sweep, by group.

    Args:
        path: the file; it is created with the first entry.
        read_only: entries are kept in memory and not written.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path, self._read_only = path, read_only
        self._held_back: list[JournalEntry] | None = None
        self._entries: dict[str, list[JournalEntry]] = {}
        self._identity: dict[str, str] = {}
        for entry in self._read():
            # A second driver writes the head of a search again, which must not empty it.
            if self._identity.get(entry["group"]) != entry.get("identity", ""):
                self._add(entry)
        self._remove_overlap()

    def entries(self, group: str, identity: str) -> list[JournalEntry]:
        """Return the entries of a group's search; none if the journal has another search of it.

        Args:
            group: its name.
            identity: a digest of all that the results of its candidates depend on.
        """
        if self._identity.get(group) != identity:
            self.append({"group": group, "identity": identity})
        return list(self._entries[group])

    def identity(self, group: str) -> str | None:
        """Return the identity of the search of a group's entries; None if it has no entries."""
        return self._identity.get(group)

    def append(self, entry: JournalEntry) -> None:
        """Write an entry, {"group": ...} and more, and wait until it is on the disk."""
        self._add(entry)
        if self._held_back is None:
            self._write([entry])
        else:
            self._held_back.append(entry)

    @contextmanager
    def batch_writes(self) -> Iterator[None]:
        """Write all entries of a block at its end: one write takes as long as many entries."""
        self._held_back = []
        try:
            yield
        finally:
            entries, self._held_back = self._held_back, None
            self._write(entries)

    def _write(self, entries: list[JournalEntry]) -> None:
        if self._read_only or not entries:
            return
        lines = "".join(canonical_json(entry) + "\n" for entry in entries)
        with _open_own(self.path, "ab") as file:
            file.write(lines.encode())
            file.flush()
            # Stages follow from what is written, so it must not be lost with the machine.
            os.fsync(file.fileno())

    def _remove_overlap(self) -> None:
        """Remove the entries that a second driver wrote meanwhile; keep a copy of the file."""
        single = {group: remove_repeats(part) for group, part in self._entries.items()}
        # As nearly always: one driver writes at a time.
        if single == self._entries:
            return
        self._entries = single
        if not self._read_only:
            copy = self.path.with_name(f"{self.path.name}.overlapped")
            write_atomically(copy, self.path.read_bytes())
            lines = [
                canonical_json(entry) + "\n"
                for group, part in single.items()
                for entry in ({"group": group, "identity": self._identity.get(group)}, *part)
            ]
            write_atomically(self.path, "".join(lines).encode())

    def _add(self, entry: JournalEntry) -> None:
        if "identity" in entry:
            self._identity[entry["group"]] = entry["identity"]
            self._entries[entry["group"]] = []
        else:
            self._entries.setdefault(entry["group"], []).append(entry)

    def _read(self) -> list[JournalEntry]:
        """Return the entries up to the first that cannot be read, and cut off the rest.

        A search can go on from any prefix of its journal: later draws and decisions are repeated,
        with the stages that are in the store. A half-written last line is no damage.
        """
        if not self.path.exists():
            return []
        data = self.path.read_bytes()
        entries: list[JournalEntry] = []
        whole = 0
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            entry = read_entry(line)
            if entry is None:
                self._set_aside(data[whole:], len(entries) + 1)
                break
            entries.append(entry)
            whole += len(line)
        if whole < len(data) and not self._read_only:
            with _open_own(self.path, "r+b") as file:
                file.truncate(whole)
        return entries

    def _set_aside(self, damaged: bytes, number: int) -> None:
        """Keep the unreadable rest in a file beside the journal, and warn."""
        beside = self.path.with_name(f"{self.path.name}.damaged")
        logging.getLogger(__name__).warning(
            "%s is damaged from line %d on (after a crash of this machine, say); the search goes "
            "on from the line before it, and %s keeps the rest",
            self.path,
            number,
            beside,
        )
        if not self._read_only:
            with _open_own(beside, "ab") as file:
                file.write(damaged)


def _open_own(path: Path, mode: str) -> IO[bytes]:
    """Open a file to be changed.

    Raises:
        RepertoireError: it is a link, through which a folder of another user could have any file
            of the reader changed.
    """

    def open_itself(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW, 0o666)

    try:
        return open(path, mode, opener=open_itself)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise RepertoireError(
            f"{path} is a link, through which nothing is written; put the file itself in its place"
        ) from None
