"""The processes a test started."""

from __future__ import annotations

import subprocess


def descendants(pid: int) -> dict[int, str]:
    """Return pid -> command of all that a process started, and what that started."""
    listed = subprocess.run(
        ["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    found: dict[int, str] = {}
    above = {pid}
    while above:
        level = {int(child): args for child, parent, args in rows if int(parent) in above}
        found |= level
        above = set(level)
    return found
