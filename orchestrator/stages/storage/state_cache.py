"""A cache of states on a node, so that a parent is not fetched from a bucket for each child.

Files are named by the digest of their content and checked when they are read, so workers share the
folder without locks, and a damaged file is only a file to fetch again. An error of the disk means
that nothing is cached; it never fails a stage.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from orchestrator.benchmarks.atomic_files import PARTIAL, write_atomically
from orchestrator.errors import RepertoireError
from orchestrator.hashing import DIGEST_PATTERN, digest_bytes

FOLDER_VARIABLE, LIMIT_VARIABLE = "REPERTOIRE_STATE_CACHE", "REPERTOIRE_STATE_CACHE_GB"
LIMIT_GB = 4.0
SCAN_SHARE = 0.05  # of the limit, written by a process before it looks for files to delete
# Of a state, or of one that is being written, or was when its process died.
_OWN = re.compile(rf"{DIGEST_PATTERN}|\.{DIGEST_PATTERN}\.[0-9a-f]{{32}}{re.escape(PARTIAL)}")


class StateCache:
    """States by digest in a folder of this node, up to a number of bytes.

    The states that were used longest ago are deleted first. Other files may lie in the folder,
    which a user names: they do not count and are left alone.

    Args:
        folder: shared by the workers of the node.
        limit_bytes: of all states together; each worker may exceed it by a twentieth.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit = folder, limit_bytes
        self._unscanned = limit_bytes  # so that the first file is followed by a scan

    def get(self, digest: str) -> bytes | None:
        """Return the content of a digest; None if it is not cached or was damaged."""
        path = self._folder / digest
        if path.is_symlink():  # not a file that a cache wrote
            return None
        try:
            data = path.read_bytes()
            if digest_bytes(data) == digest:
                # Now: those used longest ago are deleted first.
                os.utime(path)
                return data
            path.unlink()
        except OSError:
            pass
        return None

    def put(self, digest: str, data: bytes) -> None:
        """Keep a content of a digest, unless it is larger than the limit."""
        if len(data) > self._limit or (self._folder / digest).is_symlink():
            return
        with suppress(OSError):
            write_atomically(self._folder / digest, data)
            self._unscanned += len(data)
            if self._unscanned > SCAN_SHARE * self._limit:
                self._unscanned = 0
                self._shrink()

    def _shrink(self) -> None:
        """Delete the states that were used longest ago until the others are within the limit."""
        files = []
        for entry in os.scandir(self._folder):
            if not (_OWN.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)):
                continue
            with suppress(FileNotFoundError):  # deleted by another worker
                stat = entry.stat(follow_symlinks=False)
                files.append((stat.st_mtime_ns, entry.path, stat.st_size))
        excess = sum(size for _, _, size in files) - self._limit
        for _, path, size in sorted(files):
            if excess <= 0:
                break
            Path(path).unlink(missing_ok=True)
            excess -= size


def open_state_cache() -> StateCache | None:
    """Return the cache of this node; None if it is turned off or its folder is not this user's.

    Raises:
        RepertoireError: the limit in the environment is no number.
    """
    text = os.environ.get(LIMIT_VARIABLE, str(LIMIT_GB))
    try:
        limit = int(float(text) * 1e9)
    except (ValueError, OverflowError):
        raise RepertoireError(
            f"{LIMIT_VARIABLE} must be a number of GB, 0 for no cache, given {text!r}"
        ) from None
    given = os.environ.get(FOLDER_VARIABLE)
    folder = Path(given or Path(tempfile.gettempdir()) / f"repertoire-states-{os.getuid()}")
    return StateCache(folder, limit) if limit > 0 and is_private(folder) else None


def is_private(folder: Path) -> bool:
    """Create a folder for this user alone; return whether it is one, and not a link."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    return False
