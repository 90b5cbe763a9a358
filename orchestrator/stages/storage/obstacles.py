"""What lies in place of a stage's folder: a file, or a link, which no store follows."""

from __future__ import annotations

import os
import re
import uuid
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR

from orchestrator.stages.storage.files import Files
from orchestrator.stages.storage.stage_files import DAMAGED, is_stage_file, stage_path

_FIRST = re.compile("[0-9a-f]{2}")


def is_obstacle(parts: list[str]) -> bool:
    """Return whether a file, given the parts of its path, is where stages have a folder."""
    if len(parts) == 1:
        return bool(_FIRST.fullmatch(parts[0]))
    return len(parts) == 2 and is_stage_file([*parts, ""])


def make_way(files: Files, root: Path | None, key: str) -> list[str]:
    """Set aside what lies in place of the folders of a stage; return a line on each.

    A link is renamed; what it points at is not touched.

    Args:
        files: of the store.
        root: its folder; None in an object store, which has no folders.
        key: of the stage.
    """
    if root is None:
        return []
    folder = stage_path(key, "").rstrip("/")
    places = [place for place in (key[:2], folder) if _is_in_the_way(root / place)]
    return [
        f"stage {key}: a file or a link was in place of its folder {place}"
        for place in places
        if _set_aside(files, root, place)
    ]


def _is_in_the_way(path: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return not S_ISDIR(os.lstat(path).st_mode)
    return False


def _set_aside(files: Files, root: Path, place: str) -> bool:
    target = f"{DAMAGED}/{place.rpartition('/')[2]}-{uuid.uuid4().hex[:8]}/folder"
    if not files.move(place, target):
        return False
    if _is_in_the_way(root / target):
        return True
    # The folder of another process, which had set it aside and has written there since.
    with suppress(OSError):
        files.move(target, place)
    return False
