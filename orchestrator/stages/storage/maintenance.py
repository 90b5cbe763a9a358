"""Maintenance of a store: its files, and the results folders that refer to its stages.

Each sweep writes a file under `folders/` with its results folder and the keys it refers to, so that
the references of folders on other hosts are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator.benchmarks.atomic_files import PARTIAL
from orchestrator.errors import OtherRelease
from orchestrator.hashing import DIGEST_PATTERN
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.lease import LEASES
from orchestrator.stages.storage.obstacles import is_obstacle
from orchestrator.stages.storage.record_packs import is_pack
from orchestrator.stages.storage.references import REFERENCES
from orchestrator.stages.storage.stage_files import (
    DAMAGED,
    RECORD,
    find_state,
    is_damaged_file,
    is_stage_file,
    stage_path,
    unseal,
)
from orchestrator.stages.storage.store import StageStore

STATE_FILE = re.compile(rf".*/state(-{DIGEST_PATTERN})?\.safetensors")
TOKEN = re.compile("[0-9a-f]{32}")
PROBES = "probes"  # a folder of the store, for the time in which the nodes of a cluster are checked


@dataclass
class Inventory:
    """The files of a store.

    Attributes:
        stages: key -> files.
        damaged: files that were set aside.
        partial: files that are being written, or were left by a crash; claims of a bucket; and
            probes of nodes.
        packs: of records, copies that speed up reading a bucket.
        obstacles: files and links in place of folders of stages.
    """

    stages: dict[str, list[FileEntry]] = field(default_factory=dict)
    damaged: list[FileEntry] = field(default_factory=list)
    partial: list[FileEntry] = field(default_factory=list)
    packs: list[FileEntry] = field(default_factory=list)
    obstacles: list[FileEntry] = field(default_factory=list)

    def size(self, keys: Iterable[str]) -> int:
        """Return the bytes of some stages' files."""
        return sum(entry.size for key in keys for entry in self.stages[key])

    def modified_time(self, key: str) -> float:
        """Return the time at which a stage was last written to, in Unix seconds."""
        return max(entry.modified for entry in self.stages[key])


def list_inventory(store: StageStore) -> Inventory:
    """Return all files of a store, from one listing; files of other forms are none of them."""
    result = Inventory()
    for entry in store.files.entries():
        parts = entry.path.split("/")
        claim = store.folder is None and parts[0] == LEASES and len(parts) == 2
        if claim or is_probe(parts) or (entry.path.endswith(PARTIAL) and is_written_to(parts)):
            result.partial.append(entry)
        elif is_damaged_file(parts):
            result.damaged.append(entry)
        elif is_pack(entry.path):
            result.packs.append(entry)
        elif is_stage_file(parts):
            result.stages.setdefault(parts[1], []).append(entry)
        elif store.folder is not None and is_obstacle(parts):
            result.obstacles.append(entry)
    return result


def find_surplus(store: StageStore, stages: Mapping[str, list[FileEntry]]) -> list[FileEntry]:
    """Return the states that their stages' records do not name: a second writer left them.

    Args:
        store: the store.
        stages: key -> files, of which those with one state are not read.
    """
    surplus = list[FileEntry]()
    for key, entries in stages.items():
        states = [entry for entry in entries if STATE_FILE.fullmatch(entry.path)]
        if len(states) > 1 and (named := _find_state(store, key)):
            surplus += [entry for entry in states if entry.path != stage_path(key, named)]
    return surplus


def _find_state(store: StageStore, key: str) -> str | None:
    """Return the file of a stage's state; None if no record that this release can read says so."""
    data = store.files.read(stage_path(key, RECORD))
    content = None if data is None else unseal(RECORD, data)
    with suppress(OtherRelease):
        file = find_state(content, f"stage {key}") if content else None
        return file and file[0]
    return None


def is_probe(parts: list[str]) -> bool:
    """Return whether the parts of a path are those of a probe: a folder of 32 hex digits."""
    return parts[0] == PROBES and len(parts) == 3 and bool(TOKEN.fullmatch(parts[1]))


def is_written_to(parts: list[str]) -> bool:
    """Return whether a store writes files at the place of some parts of a path."""
    of_store = len(parts) == 2 and parts[0] in (REFERENCES, LEASES)
    probe = len(parts) == 1 and parts[0].startswith(".link.")  # see LocalFiles.is_exclusive
    return of_store or probe or is_stage_file(parts) or is_damaged_file(parts)


def delete_files(store: StageStore, entries: Iterable[FileEntry]) -> None:
    """Delete files of a store that belong to no stage, and the folders made for them."""
    for entry in entries:
        store.files.delete(entry.path)
        if store.folder is not None:
            folder = (store.folder / entry.path).parent
            made = [store.folder / each for each in (DAMAGED, PROBES)]
            if folder.parent in made and not any(folder.iterdir()):
                folder.rmdir()
