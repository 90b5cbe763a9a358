"""Whether a process of this host is alive: if not, its lease and partial folders are removed."""

from __future__ import annotations

import os


def has_ended(pid: int) -> bool:
    """Return whether no process of this host has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # of another user
        return False
    return False
