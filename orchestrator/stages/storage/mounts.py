"""The kind of file system that a folder is on, by the mounts that Linux lists."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# File systems of a single host, on which a written file is visible at once.
LOCAL = frozenset(
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "vfat", "exfat", "ntfs3"]
)
# Those of several hosts, whose locks SQLite must not rely on. Cluster file systems are among them:
# OCFS2 and GFS2 pass locks of `fcntl` on only with a daemon of the cluster, OCFS2 with one of its
# stacks alone. So are folders that a virtual machine shares with its host and with other machines:
# virtiofsd, for one, keeps locks within a machine unless told otherwise.
NETWORK = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "coda", "ncpfs", "dvs", "quobyte"),
        *("lustre", "gpfs", "beegfs", "ceph", "glusterfs", "orangefs", "pvfs2", "panfs", "wekafs"),
        *("ocfs2", "gfs2", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs"),
    ]
) | frozenset(
    f"fuse.{name}"
    for name in [
        *("sshfs", "davfs", "davfs2", "smbnetfs", "curlftpfs", "rclone", "gvfsd-fuse"),
        *("s3fs", "s3ql", "mount-s3", "mountpoint-s3", "goofys", "gcsfuse", "blobfuse"),
        *("blobfuse2", "juicefs", "glusterfs", "ceph", "ceph-fuse", "cephfs", "mfs", "quobyte"),
        *("lizardfs", "saunafs", "daos", "seaweedfs", "alluxio-fuse", "vmhgfs-fuse"),
    ]
)


def is_shared(folder: Path | None) -> bool:
    """Return whether other hosts may use a store, so that files become visible with a delay."""
    return folder is None or file_system(folder) not in LOCAL


def network_file_system(folder: Path) -> str | None:
    """Return the kind of the file system of a folder if it is one of several hosts."""
    kind = file_system(folder)
    return kind if kind in NETWORK else None


def file_system(folder: Path) -> str | None:
    """Return the kind of the file system of a folder; None where it cannot be determined."""
    try:
        return find_kind(folder.resolve(), MOUNTS.read_text(encoding="utf-8"))
    except OSError:
        return None


def find_kind(path: Path, mounts: str) -> str | None:
    """Return the kind of the file system of a path; None if no mount holds it.

    Args:
        path: absolute and without links.
        mounts: text in the format of /proc/self/mountinfo; of mounts at one place the last counts.
    """
    kinds = {}
    for line in mounts.splitlines():
        words = line.split()
        # A dash ends the optional fields of a line; the kind follows it.
        if "-" in words[6:-2]:
            kinds[unescape(words[4])] = words[words.index("-", 6) + 1]
    place = max((p for p in kinds if path.is_relative_to(p)), key=len, default=None)
    return None if place is None else kinds[place]


def unescape(word: str) -> str:
    r"""Return a path of a list of mounts, where a space is \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
