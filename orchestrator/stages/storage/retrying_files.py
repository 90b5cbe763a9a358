"""Files of a store whose operations are retried while it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from orchestrator.errors import StoreUnreachable, StoreUnwritable
from orchestrator.stages.storage.files import FileEntry, Files
from orchestrator.stages.storage.retry import DENIED, RetryPolicy

T = TypeVar("T")


class RetryingFiles:
    """Files whose operations are retried while the store does not answer.

    An operation that changes files raises StoreUnwritable where it is not allowed.
    """

    def __init__(self, files: Files, retry: RetryPolicy, where: str) -> None:
        self._files, self._retry, self._where = files, retry, where

    @property
    def is_exclusive(self) -> bool:
        """Whether one of several writers wins."""
        return self._call(lambda: self._files.is_exclusive)

    def read(self, path: str) -> bytes | None:
        """Return the content of a file."""
        return self._call(lambda: self._files.read(path))

    def write(self, path: str, data: bytes | memoryview) -> None:
        """Write a whole file or none, over the former one."""
        self._change(lambda: self._files.write(path, data))

    def create(self, path: str, data: bytes | memoryview) -> bool:
        """Write a whole file unless there is one; return whether it was written."""
        return self._change(lambda: self._files.create(path, data))

    def move(self, path: str, target: str) -> bool:
        """Move a file; return False where it is gone."""
        return self._change(lambda: self._files.move(path, target))

    def delete(self, path: str) -> None:
        """Delete a file."""
        self._change(lambda: self._files.delete(path))

    def delete_folder(self, path: str) -> None:
        """Delete a folder and all below it."""
        self._change(lambda: self._files.delete_folder(path))

    def entries(self, folder: str = "") -> list[FileEntry]:
        """Return all files below a folder, at any depth."""
        return self._call(lambda: self._files.entries(folder))

    def refresh(self, path: str) -> None:
        """Forget that a path was absent."""
        self._call(lambda: self._files.refresh(path))

    def _change(self, action: Callable[[], T]) -> T:
        """Call an action that writes; an object store that denies it may still be read."""
        try:
            return self._call(action)
        except StoreUnreachable as error:
            if any(word in str(error) for word in DENIED):
                raise StoreUnwritable(
                    f"store {self._where} may not be written with these credentials: "
                    f"{error.__cause__}. Use others, or name another store with --store"
                ) from error
            raise

    def _call(self, action: Callable[[], T]) -> T:
        return self._retry.call(action, self._where)
