"""Errors of the operating system, such as a full disk, with their remedies."""

from __future__ import annotations

import errno
import os

from orchestrator.errors import KEPT

ELSEWHERE = "choose another folder (--out, --store), or look at what is there: repertoire compare"
REMEDIES = {
    errno.ENOSPC: f"make room (repertoire store gc may); {KEPT}",
    errno.EDQUOT: f"make room (repertoire store gc may); {KEPT}",
    errno.EROFS: ELSEWHERE,
    errno.EACCES: ELSEWHERE,
    errno.EPERM: ELSEWHERE,
    errno.ENAMETOOLONG: "choose a folder with a shorter path",
    errno.EISDIR: "a folder is in the place of a file; move it away",
    errno.ENOTDIR: "a file is in the place of a folder; move it away, or choose another folder",
    errno.ELOOP: "a symbolic link leads to itself; remove it, or choose another folder",
    errno.EIO: f"look at the disk; {KEPT}",
    errno.ESTALE: f"the file system went away; {KEPT}",
    errno.EMFILE: f"raise the limit of open files (ulimit -n); {KEPT}",
}


def describe_os_error(error: OSError) -> str | None:
    """Return the problem and its remedy in one line; None if there is no known remedy."""
    remedy = REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    place = f": {error.filename}" if error.filename else ""
    return f"{os.strerror(error.errno or 0)}{place}; {remedy}"
