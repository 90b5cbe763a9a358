"""References to a store: the results folders whose sweeps refer to its stages."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.stages.storage.stage_files import (
    require_known_format,
    unseal,
)
from orchestrator.stages.storage.store import StageStore

REFERENCES = "folders"


@dataclass(frozen=True)
class Reference:
    """A sweep whose tables refer to stages of a store.

    Attributes:
        file: the store's file that holds it; None if it was read from the tables of a folder.
        host, folder, sweep: place of its tables.
        keys: of the stages, computed or not.
    """

    file: str | None
    host: str
    folder: str
    sweep: str
    keys: frozenset[str]

    @property
    def is_local(self) -> bool:
        """Whether the folder is one of this host."""
        return self.host == platform.node()

    @property
    def is_gone(self) -> bool:
        """Whether the sweep's tables were deleted from a folder that can be read.

        An empty folder may be the place of a disk that is not mounted.
        """
        return self.is_local and not self.is_away and not os.path.isdir(self.path)

    @property
    def path(self) -> Path:
        """The folder of the sweep's tables."""
        return Path(self.folder) / self.sweep

    def describe(self) -> str:
        """Return the sweep and its folder as text."""
        place = self.folder if self.is_local else f"{self.folder} on {self.host}"
        away = ", which cannot be reached" if self.is_local and self.is_away else ""
        return f"{self.sweep} in {place}{away}"

    @property
    def is_away(self) -> bool:
        """Whether this user cannot read the folder, or the sweep's in it, or the first is empty.

        It may be another user's, or on a disk that is not mounted, or no name of a folder at all.
        """
        try:
            if not os.listdir(self.folder):
                return True
            os.listdir(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return not os.path.isdir(self.folder)
        except (OSError, ValueError):
            return True
        return not _may_be_read(self.path / "stages.parquet")


def load_references(store: StageStore) -> tuple[list[Reference], list[str]]:
    """Return the references to a store, and the paths of damaged reference files.

    Raises:
        OtherRelease: a file is in a format that this release does not know.
    """
    result, damaged = [], []
    for entry in store.files.entries(REFERENCES):
        name = entry.path.rpartition("/")[2]
        data = store.files.read(entry.path)
        if data is None or not name.endswith(".json"):
            continue
        content = read_reference(name, data, f"{entry.path} of store {store.address}")
        if content is None:
            damaged.append(entry.path)
        elif not _is_copied(content["host"], content["store"], store):
            result.append(
                Reference(
                    entry.path,
                    content["host"],
                    content["folder"],
                    content["sweep"],
                    frozenset(content["keys"]),
                )
            )
    return sorted(result, key=lambda ref: (ref.host, ref.folder, ref.sweep)), damaged


def read_reference(name: str, data: bytes, where: str) -> dict[str, Any] | None:
    """Return the content of a reference file; None if it is damaged.

    Raises:
        OtherRelease: it is in a format that this release does not know.
    """
    content = unseal(name, data)
    if content is not None:
        require_known_format(content, where)
    return content if content is not None and _is_reference(content) else None


def _is_reference(content: Mapping[str, Any]) -> bool:
    """Return whether a file has the fields of a reference, in their types."""
    keys = content.get("keys")
    texts = [content.get(name) for name in ("host", "folder", "sweep", "store")]
    return isinstance(keys, list) and all(isinstance(text, str) for text in [*texts, *keys])


def _is_copied(host: str, place: str, store: StageStore) -> bool:
    """Return whether a reference was copied together with its store."""
    if host != platform.node() or store.folder is None or "://" in place:
        return False
    # It names the store that it was written to; a copy of a store is another one.
    return os.path.isdir(place) and not os.path.samefile(place, store.folder)


def _may_be_read(file: Path) -> bool:
    return not file.exists() or os.access(file, os.R_OK)
