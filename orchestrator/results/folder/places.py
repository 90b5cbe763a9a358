"""Where the tables and the stages of a sweep are."""

from __future__ import annotations

from pathlib import Path

from orchestrator.results.addresses import address_of
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep


def results_folder(sweep: Sweep, out: Path) -> Path:
    """Return the folder of a sweep's tables."""
    return out / sweep.name


def is_sweep_folder(folder: Path) -> bool:
    """Return whether a folder holds the tables of one sweep, not those of several in folders."""
    return (folder / "sweep.yaml").is_file()


def holding_folder(folder: Path) -> Path:
    """Return the results folder: the folder itself, or the parent of a sweep's folder.

    The store lies there.
    """
    return folder.parent if is_sweep_folder(folder) else folder


def has_store(out: Path) -> bool:
    """Return whether a folder has a store of its own; one of results in a bucket may."""
    in_bucket = address_of(out) is not None and not (out / "sweep.yaml").exists()
    return in_bucket or (out / "stages").is_dir()


def open_store(
    out: Path, uri: str | None, create: bool = True, read_only: bool = False
) -> StageStore:
    """Return the stage store at a URI; None: the one in the results folder, or at its address."""
    uri = uri or address_of(out / "stages")
    if not (uri and "://" in uri):
        uri = str(Path(uri or out / "stages").resolve())  # workers may run in another folder
    return StageStore(uri, create, read_only)
