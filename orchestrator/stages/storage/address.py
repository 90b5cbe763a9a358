"""Opens the files of a store from a path or a URI."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pyarrow import fs

from orchestrator.errors import RepertoireError
from orchestrator.stages.storage.files import FileEntry, Files, LocalFiles
from orchestrator.stages.storage.retry import (
    DENIED,
    FULL,
    REFUSED,
    RetryPolicy,
    is_lasting,
)
from orchestrator.stages.storage.retrying_files import RetryingFiles
from orchestrator.stages.storage.uri import (
    escape_uri,
    hide_secrets,
    require_readable_uri,
    with_single_puts,
)

DIRECTORY = fs.FileType.Directory


def open_files(uri: str, create: bool, retry: RetryPolicy) -> tuple[RetryingFiles, Path | None]:
    """Return the files of a store and, on a file system, its folder.

    Raises:
        RepertoireError: no file system has this address, or its folder cannot be created.
        StoreUnreachable: it did not answer within the limit of `retry`.
    """
    filesystem, root = find_file_system(uri)
    local = isinstance(filesystem, fs.LocalFileSystem)
    files: Files = LocalFiles(root) if local else ObjectFiles(filesystem, root)
    shown = hide_secrets(uri)
    if create:
        retry.call(lambda: make_root(filesystem, root, shown), shown)
    return RetryingFiles(files, retry, shown), Path(root) if local else None


def is_refused(error: OSError) -> bool:
    """Return whether an error says that the store may be read alone."""
    denied = error.errno is None and any(word in str(error) for word in DENIED)
    return denied or error.errno in REFUSED


def find_file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a URI or path, and the path within it.

    Raises:
        RepertoireError: there is none, or its options are wrong.
    """
    if "://" not in uri:
        return fs.LocalFileSystem(), uri
    require_readable_uri(uri)
    try:
        filesystem, root = fs.FileSystem.from_uri(with_single_puts(escape_uri(uri)))
    except (OSError, ValueError, NotImplementedError) as error:
        # Not from the error of Arrow, which may name the address as it is.
        raise RepertoireError(hide_secrets(f"store {uri!r} cannot be opened: {error}")) from None
    return filesystem, root


def make_root(filesystem: fs.FileSystem, root: str, shown: str) -> None:
    """Create the folder of a store, shown as given; the bucket of an object store must exist."""
    try:
        filesystem.create_dir(root.rstrip("/") or "/", recursive=True)
    except OSError as error:
        if is_refused(error) and filesystem.get_file_info(root.rstrip("/")).type is DIRECTORY:
            return  # it is there and can be read; a write will say that it may not be written
        if is_lasting(error) and error.errno not in FULL | REFUSED:
            raise RepertoireError(f"store {shown!r} cannot be opened: {error}") from error
        raise


class ObjectFiles:
    """Files in an object store, where two concurrent calls of `create` may both return True."""

    is_exclusive = False

    def __init__(self, filesystem: Any, root: str) -> None:
        self._fs, self._root = filesystem, root.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """Return the content of a file: two requests, since Arrow asks for its size first."""
        try:
            # A stream would take more requests for a larger file, whose size it does not know.
            with self._fs.open_input_file(self._full_path(path)) as file:
                return bytes(file.read_buffer(file.size()))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Write a whole file or none: an object is there once its upload is complete."""
        with self._fs.open_output_stream(self._full_path(path)) as file:
            file.write(data)

    def create(self, path: str, data: bytes | memoryview) -> bool:
        """Write a whole file unless there is one; return whether it was written."""
        if self._exists(path):
            return False
        self.write(path, data)
        return True

    def move(self, path: str, target: str) -> bool:
        """Move a file; return False where it is gone."""
        with suppress(FileNotFoundError):
            self._fs.move(self._full_path(path), self._full_path(target))
            return True
        return False

    def delete(self, path: str) -> None:
        """Delete a file."""
        with suppress(FileNotFoundError):
            self._fs.delete_file(self._full_path(path))

    def delete_folder(self, path: str) -> None:
        """Delete a folder and all below it."""
        with suppress(FileNotFoundError):
            self._fs.delete_dir(self._full_path(path))

    def entries(self, folder: str = "") -> list[FileEntry]:
        """Return all files below a folder, at any depth."""
        below = fs.FileSelector(self._full_path(folder), recursive=True, allow_not_found=True)
        return [
            FileEntry(info.path.removeprefix(self._root).strip("/"), info.size, info.mtime_ns / 1e9)
            for info in self._fs.get_file_info(below)
            if info.is_file
        ]

    def refresh(self, path: str) -> None:
        """Do nothing: an object store has no cache of absent files."""

    def _exists(self, path: str) -> bool:
        """Return whether there is a file: one request, `get_file_info` takes two."""
        with suppress(FileNotFoundError):
            self._fs.open_input_stream(self._full_path(path)).close()
            return True
        return False

    def _full_path(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")
