"""Where the tables and the stages of a sweep are."""

from __future__ import annotations

from pathlib import Path

from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep


def results_folder(sweep: Sweep, out: Path) -> Path:
    """Return the folder of a sweep's tables."""
    return out / sweep.name


def open_store(
    out: Path, uri: str | None, create: bool = True, read_only: bool = False
) -> StageStore:
    """Return the stage store at a URI; None: the one in the results folder."""
    if not (uri and "://" in uri):
        uri = str(Path(uri or out / "stages").resolve())  # workers may run in another folder
    return StageStore(uri, create, read_only)
