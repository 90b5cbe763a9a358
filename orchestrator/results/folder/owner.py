"""The file that names the owner of a sweep's folder, touched as long as the owner lives.

For file systems that do not share locks between hosts: an owner on another host whose file is not
touched any more has ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.hashing import parse_json

OWNER = ".writer.json"
BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0  # six missed beats: a busy network disk may delay one, and hardly six


def wait_for_owner(
    folder: Path, owner: Path, shown_by_lock: bool, say: Callable[[str], object]
) -> None:
    """Wait until the owner's file is stale, unless the lock shows that the owner has ended.

    Args:
        folder: the sweep's.
        owner: the owner's file.
        shown_by_lock: whether the lock tells of processes on this host.
        say: called with a line on the owner.

    Raises:
        RepertoireError: the owner's file is being touched.
    """
    content = read_owner(owner)
    if "host" not in content or (shown_by_lock and content["host"] == socket.gethostname()):
        return
    who, touched = describe_owner(content), modified_time(owner)
    left = STALE_SECONDS - _age(folder, owner, touched)
    if left > 0:
        say(f"{folder} was being written by {who}; waiting {left:.0f} s for a sign of life")
    until = time.monotonic() + left
    while (modified := modified_time(owner)) == touched and time.monotonic() < until:
        time.sleep(min(1.0, BEAT_SECONDS))
    # Touched meanwhile: the owner lives. At 0 it has ended and deleted its file.
    if modified not in (0.0, touched):
        raise in_use_error(folder, read_owner(owner))
    if modified:
        say(f"{who} gives no sign of life any more; this run takes over {folder}")


def _age(folder: Path, owner: Path, touched: float) -> float:
    """Return the seconds since a file was touched, by the clock of the file system."""
    # A name of its own, since two processes may ask at once.
    probe = folder / f"{OWNER}.{os.getpid()}"
    try:
        probe.touch()
        # Both times are the file server's, whose clock may differ from that of this host.
        return max(0.0, probe.stat().st_mtime - touched) if touched else STALE_SECONDS
    finally:
        probe.unlink(missing_ok=True)


def modified_time(owner: Path) -> float:
    """Return the time of a file's last change, in Unix seconds; 0 if there is no such file."""
    with contextlib.suppress(OSError):
        return owner.stat().st_mtime
    return 0.0


def touch_until(owner: Path, over: threading.Event) -> None:
    """Touch the owner's file every few seconds, until the event is set."""
    while not over.wait(BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(owner)


def read_owner(owner: Path) -> dict[str, Any]:
    """Return the host, the process and the start of the owner; {} if the file cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        document = parse_json(owner.read_text(encoding="utf-8"))
        return document if isinstance(document, dict) else {}
    return {}


def describe_owner(owner: dict[str, Any]) -> str:
    """Return an owner in words."""
    if not owner:
        return "another process"
    since = f" since {owner['since']}" if "since" in owner else ""
    return f"process {owner.get('pid')} on {owner.get('host')}{since}"


def in_use_error(folder: Path | str, owner: dict[str, Any]) -> RepertoireError:
    """Return the error for a folder, or an address, that another process writes into."""
    return RepertoireError(
        f"{folder} is being written by {describe_owner(owner)}; a results folder has one "
        "writer: wait for it, stop it, or give another folder with --out"
    )
