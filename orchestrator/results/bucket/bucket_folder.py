"""A folder in a bucket: of results, or of one sweep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyarrow import fs

from orchestrator.errors import RepertoireError
from orchestrator.results.addresses import COPIES_VARIABLE, copies_folder
from orchestrator.results.pack.contents import MAX_BYTES, MAX_FILES, is_member
from orchestrator.stages.storage.address import ObjectFiles, find_file_system
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.retrying_files import RetryingFiles
from orchestrator.stages.storage.state_cache import is_private
from orchestrator.sweep.sweep import RESERVED_NAMES, SAFE_NAME

PATIENT = RetryPolicy()
MARKS = frozenset({"sweep.yaml", "trials.parquet"})  # files that a sweep's folder alone has
DEEP = ("code", "former")  # the folders of a sweep's folder
PROGRESS_FILE = "progress.json"


def is_sweep_file(path: str) -> bool:
    """Return whether a path below a sweep's folder is that of a file that its bucket has too."""
    return path == PROGRESS_FILE or is_member(f"sweep/{path}")


@dataclass(frozen=True)
class BucketFolder:
    """A folder in a bucket; it exists as long as it has files.

    Attributes:
        address: as the user spells it.
        filesystem: of Arrow.
        root: path of the folder in the file system.
        retry: how long a bucket that does not answer is waited for.
    """

    address: str
    filesystem: Any
    root: str
    retry: RetryPolicy = PATIENT

    def with_retry(self, retry: RetryPolicy | None) -> BucketFolder:
        """Return the folder with another policy; itself for None."""
        return self if retry is None else replace(self, retry=retry)

    def files(self) -> RetryingFiles:
        """Return the files of the folder."""
        return RetryingFiles(ObjectFiles(self.filesystem, self.root), self.retry, self.address)

    def child(self, name: str) -> BucketFolder:
        """Return a folder in it."""
        path, mark, options = self.address.partition("?")
        address = f"{path.rstrip('/')}/{name}{mark}{options}"
        return replace(self, address=address, root=f"{self.root}/{name}")

    def list_items(self) -> list[fs.FileInfo]:
        """Return the files and folders directly in it, by one request for a thousand."""
        selector = fs.FileSelector(self.root, allow_not_found=True)
        return self.retry.call(lambda: self.filesystem.get_file_info(selector), self.address)

    def require_bucket(self) -> None:
        """Raise RepertoireError if the bucket itself does not exist; wait for one that is away."""
        name = self.root.partition("/")[0]
        info = self.retry.call(lambda: self.filesystem.get_file_info(name), self.address)
        if info.type == fs.FileType.NotFound:
            raise RepertoireError(
                f"{self.address}: there is no bucket {name!r}, or these credentials do not show "
                "it; mend the address, or make the bucket"
            )

    def list_sweep(self, items: list[fs.FileInfo] | None = None) -> dict[str, FileEntry]:
        """Return the files of a sweep's folder by path; what no results have is left out.

        Args:
            items: those directly in it; None lists them.

        Raises:
            RepertoireError: they are too many, or too large.
        """
        items = self.list_items() if items is None else items
        entries = [
            FileEntry(info.base_name, info.size, info.mtime_ns / 1e9)
            for info in items
            if info.is_file
        ]
        for name in DEEP:
            if any(info.base_name == name and not info.is_file for info in items):
                entries += self.files().entries(name)
        listed = {entry.path: entry for entry in entries if is_sweep_file(entry.path)}
        size = sum(entry.size for entry in listed.values())
        if len(listed) > MAX_FILES or size > MAX_BYTES:
            raise RepertoireError(
                f"{self.address} has {len(listed):,} files of {size:,} bytes, more than results "
                f"have ({MAX_FILES:,} files, {MAX_BYTES:,} bytes); nothing of it was fetched"
            )
        return listed


def open_bucket_folder(address: str) -> BucketFolder:
    """Return the folder of an address; nothing is asked of the bucket.

    Raises:
        RepertoireError: no file system has this address, or copies cannot be kept here.
    """
    if not is_private(root := copies_folder()):
        raise RepertoireError(
            f"local copies of results cannot be kept in {root}, which is not a folder of this "
            f"user; name another: {COPIES_VARIABLE}=DIR"
        )
    filesystem, path = find_file_system(address)
    return BucketFolder(address, filesystem, path.rstrip("/"))


def sweep_names(items: list[fs.FileInfo]) -> list[str]:
    """Return the names of the folders in a results folder that may be sweeps', sorted."""
    names = (info.base_name for info in items if not info.is_file)
    return sorted(n for n in names if SAFE_NAME.fullmatch(n) and n not in RESERVED_NAMES)
