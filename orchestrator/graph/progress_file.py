"""The file with the progress of a sweep, for dashboards."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from math import inf
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.graph.progress import Progress
from orchestrator.hashing import parse_json
from orchestrator.stages.storage.files import open_at_once
from orchestrator.stages.storage.uri import hide_secrets

FILE = "progress.json"
MAX_BYTES = 100_000_000
EVERY_SECONDS = 1.0  # many stages may end in a second, and the folder may be on a network disk


class ProgressFile:
    """Writes progress to a sweep's folder, at most once a second.

    Args:
        folder: of the sweep.
        store_uri: the store of its stages, where a dashboard finds those that run; an address with
            a secret is not written, since without it nothing could be opened.
    """

    def __init__(self, folder: Path, store_uri: str = "") -> None:
        self._path, self._next = folder / FILE, 0.0
        self._first_run = read_first_run(folder)
        self._store = store_uri if hide_secrets(store_uri) == store_uri else ""

    def show(self, progress: Progress) -> None:
        """Write the progress unless a write was less than a second ago."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            self._write(progress.to_json() | {"over": False, "complete": False})

    def close(self, progress: Progress, complete: bool) -> None:
        """Write the final progress."""
        self._write(progress.to_json() | {"running": [], "over": True, "complete": complete})

    def _write(self, content: dict[str, Any]) -> None:
        self._first_run = content["started_at"] if self._first_run is None else self._first_run
        more = {"first_started_at": self._first_run, "store": self._store}
        write_atomically(self._path, json.dumps(content | more))


def read_bounded(path: Path) -> bytes:
    """Return the content of a JSON file beside the tables, which may come from another user.

    Raises:
        OSError: it cannot be read; it is a pipe or a device, or has over 100 MB.
    """
    with open(path, "rb", opener=open_at_once) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read(MAX_BYTES)


def read_first_run(folder: Path) -> float | None:
    """Return when the sweep of a folder was first run, in seconds since 1970; None if unknown.

    A file of an older release has the time of the last run alone.
    """
    try:
        content = parse_json(read_bounded(folder / FILE))
    except (OSError, ValueError):
        return None
    content = content if isinstance(content, dict) else {}
    value = content.get("first_started_at", content.get("started_at"))
    return value if isinstance(value, int | float) and abs(value) < inf else None
