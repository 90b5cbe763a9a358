"""Which results folders refer to a store's stages: each sweep leaves a file under `folders/`.

The file holds the keys as well, so that what a folder of another host refers to is known here.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.hashing import digest
from orchestrator.stages.envelope import FORMAT, release, require_known_format, seal, unseal
from orchestrator.stages.store import StageStore

FOLDER = "folders"


@dataclass(frozen=True)
class Reference:
    """A sweep that refers to stages of a store.

    Attributes:
        file: of the store, that says so; None for what the tables of a folder say.
        host, folder, sweep: where its tables are.
        keys: of the stages, computed or not.
    """

    file: str | None
    host: str
    folder: str
    sweep: str
    keys: frozenset[str]

    @property
    def is_here(self) -> bool:
        """Whether the folder is one of this host."""
        return self.host == platform.node()

    @property
    def is_gone(self) -> bool:
        """Whether the sweep's tables were deleted from a folder that can be looked into."""
        return self.is_here and Path(self.folder).is_dir() and not self.path.is_dir()

    @property
    def path(self) -> Path:
        """The folder of the sweep's tables."""
        return Path(self.folder) / self.sweep

    def describe(self) -> str:
        """Return whose it is, for a reader."""
        place = self.folder if self.is_here else f"{self.folder} on {self.host}"
        away = self.is_here and not Path(self.folder).is_dir()
        return f"{self.sweep} in {place}" + (", which cannot be reached" if away else "")


def register(store: StageStore, folder: Path, sweep: str, keys: Iterable[str]) -> None:
    """Leave word in a store that a sweep of a results folder refers to these stages."""
    host, place = platform.node(), str(folder.resolve())
    name = f"{digest('reference', [host, place, sweep])}.json"
    content = {
        "format": FORMAT, "release": release(), "host": host, "folder": place, "sweep": sweep,
        "store": str(store.folder.resolve()) if store.folder else store.uri,
        "keys": sorted(set(keys)),
    }  # fmt: skip
    store.files.write(f"{FOLDER}/{name}", seal(name, content))


def references(store: StageStore) -> tuple[list[Reference], list[str]]:
    """Return what refers to a store, and the files that say so and are damaged.

    Raises:
        OtherRelease: a release whose format is not known here left one of them.
    """
    result, damaged = [], []
    for entry in store.files.entries(FOLDER):
        name = entry.path.rpartition("/")[2]
        data = store.files.read(entry.path)
        content = unseal(name, data) if data is not None and name.endswith(".json") else None
        if content is None:
            damaged += [entry.path] if data is not None and name.endswith(".json") else []
            continue
        require_known_format(content, f"{entry.path} of store {store.uri}")
        if not _is_of_another_store(content["host"], content["store"], store):
            result.append(
                Reference(
                    entry.path,
                    content["host"],
                    content["folder"],
                    content["sweep"],
                    frozenset(content["keys"]),
                )
            )
    return sorted(result, key=lambda one: (one.host, one.folder, one.sweep)), damaged


def _is_of_another_store(host: str, place: str, store: StageStore) -> bool:
    """Return whether a reference came here with a copy of the store that it was left in."""
    if host != platform.node() or store.folder is None or "://" in place:
        return False
    original = Path(place)
    return original.is_dir() and not original.samefile(store.folder)
