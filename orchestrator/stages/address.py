"""Where a store is: the files behind a path or a URI, and whether other hosts may write there."""

from __future__ import annotations

from pathlib import Path

from pyarrow import fs

from orchestrator.errors import RepertoireError
from orchestrator.stages.files import Files, LocalFiles, ObjectFiles
from orchestrator.stages.patience import FULL, REFUSED, Patience, PatientFiles, is_lasting

MOUNTS = Path("/proc/self/mountinfo")
# File systems of one host: what was written there is seen there at once.
OWN = frozenset(
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "vfat", "exfat", "ntfs3"]
)


def files_at(uri: str, create: bool, patience: Patience) -> tuple[PatientFiles, Path | None]:
    """Return the files of a store and, on a file system, its folder.

    Raises:
        RepertoireError: no file system has this address, or nothing can be made there.
        StoreUnreachable: it did not answer for as long as `patience` allows.
    """
    try:
        filesystem, root = (
            fs.FileSystem.from_uri(uri) if "://" in uri else (fs.LocalFileSystem(), uri)
        )
    except (OSError, ValueError, NotImplementedError) as error:
        raise RepertoireError(f"store {uri!r} cannot be opened: {error}") from error
    local = isinstance(filesystem, fs.LocalFileSystem)
    files: Files = LocalFiles(root) if local else ObjectFiles(filesystem, root)
    if create:
        patience.reach(lambda: make_root(filesystem, root, uri), uri)
    return PatientFiles(files, patience, uri), Path(root) if local else None


def make_root(filesystem: fs.FileSystem, root: str, uri: str) -> None:
    """Make the folder of a store; an object store needs its bucket."""
    try:
        filesystem.create_dir(root.rstrip("/") or "/", recursive=True)
    except OSError as error:
        if is_lasting(error) and error.errno not in FULL | REFUSED:
            raise RepertoireError(f"store {uri!r} cannot be opened: {error}") from error
        raise


def is_shared(folder: Path | None) -> bool:
    """Return whether hosts may see a store's files at different times."""
    if folder is None:
        return True
    try:
        mounts = [line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return True
    path = folder.absolute()
    kinds = {
        mount[4].replace("\\040", " "): mount[mount.index("-") + 1]
        for mount in mounts
        if "-" in mount
    }
    mounted = max((m for m in kinds if path.is_relative_to(m)), key=len, default="")
    return kinds.get(mounted) not in OWN
