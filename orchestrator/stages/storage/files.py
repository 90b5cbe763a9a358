"""Files that are either complete or absent.

A stage store consists of `Files`, whose paths are relative to a root: `LocalFiles` here,
`ObjectFiles` in `address.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from orchestrator.benchmarks.atomic_files import (
    PARTIAL,
    partial_file,
    write_atomically,
    write_partial,
)
from orchestrator.errors import StoreCorrupt


@dataclass(frozen=True)
class FileEntry:
    """A file: its path below the root, its bytes, and when it was written (Unix seconds)."""

    path: str
    size: int
    modified: float


class Files(Protocol):
    """A tree of files. An absent path reads as None and may be deleted."""

    @property
    def is_exclusive(self) -> bool:
        """Whether exactly one of several concurrent calls of `create` succeeds."""

    def read(self, path: str) -> bytes | None:
        """Return the content of a file."""

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Write a complete file, replacing a former one, or nothing."""

    def create(self, path: str, data: bytes | memoryview) -> bool:
        """Write a complete file unless one exists; return whether it was written."""

    def move(self, path: str, target: str) -> bool:
        """Move a file; return False if it does not exist."""

    def delete(self, path: str) -> None:
        """Delete a file."""

    def delete_folder(self, path: str) -> None:
        """Delete a folder and all below it."""

    def entries(self, folder: str = "") -> list[FileEntry]:
        """Return all files below a folder, at any depth."""

    def refresh(self, path: str) -> None:
        """Clear any cache that says that a path is absent: another host may have written it."""


class LocalFiles:
    """Files on a disk or a network file system that is mounted."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)

    @cached_property
    def is_exclusive(self) -> bool:
        """Whether the file system has links, which make `create` exclusive."""
        with partial_file(self._root / "link") as partial:
            write_partial(partial, b"")
            linked = partial.with_suffix(f".link{PARTIAL}")
            try:
                os.link(partial, linked)
                linked.unlink()
            except OSError:
                return False
            return True

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; one below a link is absent."""
        try:
            with open(f"{self._root}/{path}", "rb", buffering=0, opener=open_at_once) as file:
                if self._find_link(path):
                    return None
                # A pipe or a device would never end.
                return file.readall() if S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        except IsADirectoryError:  # no store writes one there, so it is damage like any other
            return b""
        except PermissionError:
            if _is_own(f"{self._root}/{path}"):  # so its permissions are damage as well
                return b""
            raise
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Write a complete file, replacing a former one, or nothing."""
        write_atomically(self._resolve(path), data)

    def create(self, path: str, data: bytes | memoryview) -> bool:
        """Write a complete file unless one exists; return whether it was written."""
        target = self._resolve(path)
        # Saves writing the data; where two processes come at once, the link decides.
        if target.exists():
            return False
        with partial_file(target) as partial:
            write_partial(partial, data)
            try:
                os.link(partial, target)
            except FileExistsError:
                # Over NFS a link may be created and the reply lost, so that its repetition fails.
                return os.stat(partial).st_nlink > 1
            except OSError:
                if self.is_exclusive:
                    raise
                # Without links nothing is exclusive, so that the last of several writers wins.
                os.replace(partial, target)
            return True

    def move(self, path: str, target: str) -> bool:
        """Move a file; return False if it does not exist."""
        source, moved = self._resolve(path), self._resolve(target)
        moved.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(source, moved)
        except FileNotFoundError:
            return False
        return True

    def delete(self, path: str) -> None:
        """Delete a file."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._resolve(path).unlink()

    def delete_folder(self, path: str) -> None:
        """Delete a folder and all below it."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._resolve(path))

    def entries(self, folder: str = "") -> list[FileEntry]:
        """Return all files below a folder, at any depth."""
        return list(self._walk(str(self._resolve(f"{folder}/*").parent if folder else self._root)))

    def refresh(self, path: str) -> None:
        """Clear any cache that says that a path is absent: NFS revalidates a folder on opening."""
        for folder in reversed((self._root / path).parents):
            if folder.is_relative_to(self._root):
                with suppress(OSError):
                    os.scandir(folder).close()

    def _resolve(self, path: str) -> Path:
        """Return the full path of a file to change; refuse a link that leads out of the root."""
        if link := self._find_link(path):
            raise StoreCorrupt(
                f"{link} is a symbolic link, which no store has: nothing below it is read, written "
                "or deleted"
            )
        return self._root / path

    def _find_link(self, path: str) -> str | None:
        """Return a folder of a path, below the root, that is a link; None if there is none."""
        folder = os.path.dirname(path)
        while folder:
            if os.path.islink(full := f"{self._root}/{folder}"):
                return full
            folder = os.path.dirname(folder)
        return None

    def _walk(self, folder: str) -> Iterator[FileEntry]:
        try:
            items = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for item in items:
            if item.is_dir(follow_symlinks=False):
                yield from self._walk(item.path)
                continue
            with suppress(FileNotFoundError):  # deleted since the folder was opened
                stat = item.stat(follow_symlinks=False)
                path = os.path.relpath(item.path, self._root)
                yield FileEntry(path, stat.st_size, stat.st_mtime)


def _is_own(path: str) -> bool:
    with suppress(OSError):
        return os.stat(path, follow_symlinks=False).st_uid == os.geteuid()
    return False


def open_at_once(path: str, flags: int) -> int:
    """Open a file, without waiting if it is a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
