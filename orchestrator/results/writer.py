"""A lock for the writer of a sweep's folder, with a file that names the owner.

The operating system releases the lock when its process ends. For file systems that do not share
locks between hosts, the owner touches its file every few seconds; an owner on another host whose
file is not touched any more has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orchestrator.errors import RepertoireError

LOCK, OWNER = ".writer.lock", ".writer.json"
BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0


@contextlib.contextmanager
def writer_lock(folder: Path, say: Callable[[str], object] = lambda line: None) -> Iterator[None]:
    """Lock a sweep's folder for writing, and create it if it does not exist. Readers need no lock.

    If the owner is a process on another host, or the file system has no locks, wait until the
    owner's file has not been touched for 30 seconds.

    Args:
        folder: the sweep's.
        say: called with a line on an owner that is waited for, and on one that is gone.

    Raises:
        RepertoireError: another process writes into the folder; names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(folder / LOCK), folder / OWNER
    try:
        lock.acquire(timeout=0)
    except NotImplementedError:
        shown_by_lock = False  # the file system has no locks
    except Timeout:
        raise _in_use_error(folder, _read_owner(owner)) from None
    else:
        shown_by_lock = True
    try:
        _wait_for_owner(folder, owner, shown_by_lock, say)
        own = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        owner.write_text(json.dumps(own), encoding="utf-8")
        over = threading.Event()
        beat = threading.Thread(target=_touch_until, args=(owner, over), daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()
            owner.unlink(missing_ok=True)
    finally:
        lock.release()


def _wait_for_owner(
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
    content = _read_owner(owner)
    if "host" not in content or (shown_by_lock and content["host"] == socket.gethostname()):
        return
    who, touched = _describe_owner(content), _modified_time(owner)
    left = STALE_SECONDS - _age(folder, owner, touched)
    if left > 0:
        say(f"{folder} was being written by {who}; waiting {left:.0f} s for a sign of life")
    until = time.monotonic() + left
    while (modified := _modified_time(owner)) == touched and time.monotonic() < until:
        time.sleep(min(1.0, BEAT_SECONDS))
    if modified not in (0.0, touched):
        raise _in_use_error(folder, _read_owner(owner))
    if modified:
        say(f"{who} gives no sign of life any more; this run takes over {folder}")


def _age(folder: Path, owner: Path, touched: float) -> float:
    """Return the seconds since a file was touched, by the clock of the file system."""
    probe = folder / f"{OWNER}.{os.getpid()}"
    try:
        probe.touch()
        return max(0.0, probe.stat().st_mtime - touched) if touched else STALE_SECONDS
    finally:
        probe.unlink(missing_ok=True)


def _modified_time(owner: Path) -> float:
    with contextlib.suppress(OSError):
        return owner.stat().st_mtime
    return 0.0


def _touch_until(owner: Path, over: threading.Event) -> None:
    while not over.wait(BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(owner)


def _read_owner(owner: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(owner.read_text(encoding="utf-8"))
        return document if isinstance(document, dict) else {}
    return {}


def _describe_owner(owner: dict[str, Any]) -> str:
    if not owner:
        return "another process"
    return f"process {owner.get('pid')} on {owner.get('host')} since {owner.get('since')}"


def _in_use_error(folder: Path, owner: dict[str, Any]) -> RepertoireError:
    return RepertoireError(
        f"{folder} is being written by {_describe_owner(owner)}; a results folder has one "
        "writer: wait for it, stop it, or give another folder with --out"
    )
