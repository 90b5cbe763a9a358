"""Which of many stages a store on a file system has no files of: one listing for many of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from orchestrator.stages.storage.stage_files import stage_path

# Stages of a folder for which it is listed: a large one takes as long as 50 attempts to open.
FEWEST = 50


def find_absent(root: Path, keys: Iterable[str]) -> set[str]:
    """Return the stages that have no folder, as far as listings say so.

    Args:
        root: of the store.
        keys: of stages; those of a folder with few of them are not looked for.

    Raises:
        StoreCorrupt: the path of a key would leave the store.
    """
    by_folder = defaultdict[str, set[str]](set)
    for key in keys:
        by_folder[stage_path(key, "").partition("/")[0]].add(key)
    absent = set[str]()
    for folder, wanted in by_folder.items():
        if len(wanted) >= FEWEST:
            # What cannot be listed is left to the attempt to open it, which says why.
            with suppress(OSError):
                absent |= wanted.difference(_list_names(root / folder))
    return absent


def _list_names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
