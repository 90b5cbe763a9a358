"""The registration of a sweep with a store: the keys of the stages that its folder refers to."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

from orchestrator.hashing import digest
from orchestrator.stages.storage.references import REFERENCES, read_reference
from orchestrator.stages.storage.stage_files import STAGE_FORMAT, release, seal
from orchestrator.stages.storage.store import StageStore

ANY_HOST = "any host"  # in place of its name: no host has it, so `store gc` looks for no folder


class Registration:
    """The keys that a sweep of a results folder has registered with a store.

    They are in one file that is written as a whole, and in numbered parts with keys that were added
    since, so that adding a few keys takes no longer for many.

    Args:
        store: the store.
        folder: the results folder; the address of one in a bucket, which all hosts share.
        sweep: the folder of the sweep in it.

    Attributes:
        keys: the keys that are registered, also by earlier runs.

    Raises:
        OtherRelease: another release wrote it in a way that this one cannot read.
    """

    def __init__(self, store: StageStore, folder: Path | str, sweep: str) -> None:
        self._store = store
        here = isinstance(folder, Path)
        self._place = {
            "host": platform.node() if here else ANY_HOST,
            "folder": str(Path(folder).resolve() if here else folder),
            "sweep": sweep,
            "store": str(store.folder.resolve()) if store.folder else store.address,
        }
        self.keys: set[str] = set()
        self._is_written = False  # by this process: an earlier file may be of a copied store
        self._last_part = -1
        while self._read(self._last_part + 1):
            self._last_part += 1

    def add(self, keys: Iterable[str]) -> None:
        """Register further keys."""
        added = set(keys) - self.keys
        if added:
            self._last_part += 1
            self._write(self._last_part, added)
            self.keys |= added

    def replace(self, keys: Iterable[str]) -> None:
        """Replace the registered keys."""
        before, self.keys = self.keys, set(keys)
        if self._is_written and self.keys == before and self._last_part == 0:
            return
        self._write(0, self.keys)
        # From the last on, so that those that a crash leaves are found by their numbers.
        for part in range(self._last_part, 0, -1):
            self._store.files.delete(f"{REFERENCES}/{self._name(part)}")
        self._last_part = 0

    def _read(self, part: int) -> bool:
        """Add the keys of a part; return whether there is such a file."""
        name = self._name(part)
        data = self._store.files.read(f"{REFERENCES}/{name}")
        if data is None:
            return False
        content = read_reference(name, data, f"{REFERENCES}/{name} of store {self._store.address}")
        self.keys |= set(content["keys"]) if content else set()  # a damaged one is written anew
        return True

    def _write(self, part: int, keys: Iterable[str]) -> None:
        name = self._name(part)
        content = {
            "format": STAGE_FORMAT,
            "release": release(),
            **self._place,
            "keys": sorted(keys),
        }
        self._store.files.write(f"{REFERENCES}/{name}", seal(name, content))
        self._is_written = True

    def _name(self, part: int) -> str:
        """Return the file of a part; the first is the file that is written as a whole."""
        place = [self._place["host"], self._place["folder"], self._place["sweep"]]
        return f"{digest('reference', [*place, part] if part else place)}.json"
