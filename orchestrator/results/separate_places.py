"""Keeps results and stages apart: a store is no results folder, and the other way round.

In one folder, `store gc` and the commands that read results would meet files that are not theirs.
Folders in which an earlier release mixed both are used as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyarrow import fs

from orchestrator.errors import RepertoireError
from orchestrator.hashing import DIGEST_PATTERN, is_digest
from orchestrator.results.addresses import address_of
from orchestrator.results.bucket.bucket_folder import MARKS
from orchestrator.stages.storage.address import find_file_system
from orchestrator.stages.storage.references import REFERENCES
from orchestrator.stages.storage.uri import hide_secrets

_FIRST = re.compile("[0-9a-f]{2}")
_REFERENCE = re.compile(rf"{DIGEST_PATTERN}\.json")


@dataclass(frozen=True)
class _Place:
    """A folder on any file system; one that does not answer at once counts as empty."""

    filesystem: fs.FileSystem
    root: str

    def list_folder(self, name: str = "") -> list[fs.FileInfo]:
        selector = fs.FileSelector(f"{self.root}/{name}".rstrip("/"), allow_not_found=True)
        with suppress(OSError):
            return list(self.filesystem.get_file_info(selector))
        return []

    @cached_property
    def items(self) -> list[fs.FileInfo]:
        return self.list_folder()

    @cached_property
    def is_store(self) -> bool:
        # First what all that are in use have: one request, where it is in a bucket.
        return self._has(REFERENCES, _REFERENCE.fullmatch) or any(
            self._has(info.base_name, is_digest)
            for info in self.items
            if not info.is_file and _FIRST.fullmatch(info.base_name)
        )

    @cached_property
    def has_results(self) -> bool:
        own = any(info.base_name in MARKS for info in self.items)
        folders = (info.base_name for info in self.items if not info.is_file)
        return own or any(self._has(name, MARKS.__contains__) for name in folders)

    def _has(self, folder: str, kind: Callable[[str], object]) -> bool:
        """Return whether a folder in this one has an entry whose name is of a kind."""
        return any(kind(info.base_name) for info in self.list_folder(folder))


def require_results_folder(out: Path) -> None:
    """Raise RepertoireError if a results folder, or that of the local copy, is a store."""
    place = _open(address_of(out) or str(out))
    if place.is_store and not place.has_results:
        raise RepertoireError(
            f"{out} is a stage store, and no results folder; give another folder with --out "
            "(--store names a store)"
        )


def require_stage_store(out: Path, store: str) -> None:
    """Raise RepertoireError if the path or URI of a store is that of a results folder."""
    place = _open(store)
    if place.is_store:
        return
    if place.has_results or place == _open(address_of(out) or str(out)):
        raise RepertoireError(
            f"store {hide_secrets(store)} is a results folder, and no store; leave out --store "
            "(the stages of a results folder go to the folder `stages` in it), or name another "
            "place"
        )


def require_separate_folders(out: Path, store: str | None) -> None:
    """Raise as the two functions above, of folders of this machine alone.

    What is in a bucket would take requests, which a plan leaves to the run that follows it.
    """
    if address_of(out) is None:
        require_results_folder(out)
    if store is not None and ("://" not in store or store.startswith("file:")):
        require_stage_store(out, store)


def _open(place: str) -> _Place:
    filesystem, root = find_file_system(place)
    local = isinstance(filesystem, fs.LocalFileSystem)
    return _Place(filesystem, os.path.realpath(root) if local else root.rstrip("/"))
