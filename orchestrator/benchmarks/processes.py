"""Whether a process of this host lives, for what it left behind: a lease, a half-written folder."""

from __future__ import annotations

import os


def has_ended(pid: int) -> bool:
    """Return whether no process of this host has a number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # of another user
        return False
    return False
