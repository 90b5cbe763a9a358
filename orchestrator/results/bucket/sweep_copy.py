"""The local copy of a sweep's folder in a bucket.

A file is compared as three: here, in the bucket, and as both were when they were last equal. What
changed on one side is taken to the other. If both changed, the bucket's counts, since another
machine has written the sweep meanwhile, and the local file is kept aside.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.hashing import digest_bytes, parse_json
from orchestrator.results.bucket.bucket_folder import PROGRESS_FILE, BucketFolder, is_sweep_file
from orchestrator.stages.storage.files import FileEntry, Files, LocalFiles
from orchestrator.stages.storage.lease import unix_time

STATE_FILE, PENDING_FILE = ".published.json", ".publishing.json"
ASIDE = ".unpublished"  # the end of the name of a local file that the bucket's one replaced
SWEEP_FILE = "sweep.yaml"
THREADS = 8
SETTLED_SECONDS = 10.0

Changes = Mapping[str, bytes | None]  # path -> content; None: the file was deleted


@dataclass(frozen=True)
class Published:
    """A file as the bucket had it: its bytes, when it was written, and its digest.

    The time, in Unix seconds, is None where the next listing cannot tell whether it changed.
    """

    size: int
    modified: float | None
    digest: str


class SweepCopy:
    """The local copy of a sweep's folder in a bucket.

    Args:
        place: the folder in the bucket.
        folder: of the copy.
    """

    def __init__(self, place: BucketFolder, folder: Path) -> None:
        self.place = place
        self._files, self._state = LocalFiles(folder), folder / STATE_FILE
        self._published = _read_state(self._state)
        self._pending = _read_pending(self._state.with_name(PENDING_FILE))
        self._equal: dict[str, tuple[float, int]] = {}  # time, size of files that are published

    def fetch(self, listed: Mapping[str, FileEntry]) -> None:
        """Fetch the files that changed in the bucket, and delete those that were deleted there.

        Args:
            listed: the files in the bucket by path.
        """
        there = {entry.path for entry in self._files.entries()}
        outdated = [
            entry for path, entry in listed.items() if path not in there or self._differs(entry)
        ]
        deleted = self._published.keys() - listed.keys()
        with ThreadPoolExecutor(THREADS) as pool:
            aside = sorted(filter(None, pool.map(self._fetch_file, outdated)))
        if aside:
            logging.getLogger("repertoire").warning(
                "%s: another machine has written %s since they were last published from here; "
                "what this machine had is kept beside the local copies (*%s)",
                self.place.address,
                ", ".join(aside),
                ASIDE,
            )
        for path in deleted:
            self._delete_file(path)
        if outdated or deleted:
            self._write_state()

    def changes(self) -> Changes:
        """Return the files that changed here, as they are now, and those that were deleted."""
        entries = [entry for entry in self._files.entries() if is_sweep_file(entry.path)]
        gone = self._published.keys() - {entry.path for entry in entries}
        # Not what somebody else deleted with the copy: the bucket may have nothing beside it.
        whole = self._state.exists() and self._files.read(SWEEP_FILE) is not None
        changed: dict[str, bytes | None] = dict.fromkeys(gone if whole else ())
        for entry in entries:
            if self._equal.get(entry.path) == (entry.modified, entry.size):
                continue
            data = self._files.read(entry.path)
            if self._is_published(entry.path, data):
                self._equal[entry.path] = (entry.modified, entry.size)
            elif data is not None:
                changed[entry.path] = data
        return changed

    def publish(self, changes: Changes, files: Files) -> None:
        """Write changes into the bucket, a request each.

        Args:
            changes: of `changes`.
            files: of the bucket.

        Raises:
            StoreUnreachable: it does not answer, or refuses; the other changes may be there.
            StoreUnwritable: it may not be written.
        """
        if not changes:
            return
        self._pending = {path: digest_bytes(data) for path, data in changes.items() if data}
        # A command that is killed before the end knows by it what is its own in the bucket.
        write_atomically(self._state.with_name(PENDING_FILE), json.dumps(self._pending))
        first, *others = changes
        try:
            # Alone, so that only this thread, which a signal interrupts, waits for the bucket.
            self._publish_file(files, first, changes[first])
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda path: self._publish_file(files, path, changes[path]), others))
        finally:
            self._write_state()

    def _differs(self, entry: FileEntry) -> bool:
        known = self._published.get(entry.path)
        return known is None or (known.size, known.modified) != (entry.size, entry.modified)

    def _is_published(self, path: str, data: bytes | None) -> bool:
        published = self._published.get(path)
        if published is None or data is None:
            return False
        return published.digest == digest_bytes(data)

    def _is_own(self, path: str, data: bytes) -> bool:
        """Return whether the bucket has what was published from here, if only by a killed run."""
        return self._is_published(path, data) or digest_bytes(data) == self._pending.get(path)

    def _fetch_file(self, entry: FileEntry) -> str | None:
        """Fetch a file; return its path if a local one that was not published is kept aside."""
        data, path = self.place.files().read(entry.path), entry.path
        if data is None:
            return None
        local, aside = self._files.read(path), False
        if local is None or not self._is_own(path, data):  # else it changed here alone
            changed = local not in (None, data) and not self._is_published(path, local)
            aside = changed and not _is_derived(path)
            if aside:
                self._files.move(path, f"{path}{ASIDE}")
            if local != data:
                self._files.write(path, data)
        # A bucket tells whole seconds, and what is that young may be written again within one.
        settled = len(data) == entry.size and unix_time() - entry.modified > SETTLED_SECONDS
        modified = entry.modified if settled else None
        self._published[path] = Published(len(data), modified, digest_bytes(data))
        return path if aside else None

    def _delete_file(self, path: str) -> None:
        """Delete a local file whose object was deleted, unless it has changed since."""
        if _is_derived(path) or self._is_published(path, self._files.read(path)):
            self._files.delete(path)
        del self._published[path]

    def _publish_file(self, files: Files, path: str, data: bytes | None) -> None:
        if data is None:
            files.delete(path)
            del self._published[path]
        else:
            files.write(path, data)
            self._published[path] = Published(len(data), None, digest_bytes(data))

    def _write_state(self) -> None:
        content = {path: asdict(published) for path, published in self._published.items()}
        write_atomically(self._state, json.dumps(content, indent=1, sort_keys=True))


def _read_state(file: Path) -> dict[str, Published]:
    """Return the files of the bucket by path; {} if they are unknown, so that all are fetched."""
    try:
        content = parse_json(file.read_text(encoding="utf-8"))
        return {path: Published(**each) for path, each in content.items() if is_sweep_file(path)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _read_pending(file: Path) -> dict[str, str]:
    """Return the digests of the files of the last publication by path; {} if they are unknown."""
    try:
        content = parse_json(file.read_text(encoding="utf-8"))
        return {str(path): str(digest) for path, digest in content.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _is_derived(path: str) -> bool:
    """Return whether a file is made anew from the store, so that nothing is lost with it.

    What sends to MLflow adds to tables after they were published.
    """
    return path == PROGRESS_FILE or (path.endswith(".parquet") and "/" not in path)
