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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orchestrator.errors import RepertoireError

LOCK, OWNER = ".writer.lock", ".writer.json"
BEAT_SECONDS = 5.0
STALE_SECONDS = 30.0


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Lock a sweep's folder for writing, and create it if it does not exist. Readers need no lock.

    If the owner is a process on another host, wait until its file has not been touched for
    30 seconds.

    Raises:
        RepertoireError: another process writes into the folder; names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(folder / LOCK), folder / OWNER
    try:
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            lock.acquire(timeout=0)
    except Timeout:
        raise _in_use_error(folder, _read_owner(owner)) from None
    try:
        _wait_for_other_host(folder, owner)
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


def _wait_for_other_host(folder: Path, owner: Path) -> None:
    """Wait until the owner's file, if it is of another host, is stale.

    Raises:
        RepertoireError: the owner's file is being touched.
    """
    content = _read_owner(owner)
    if content.get("host") in (None, socket.gethostname()):
        return  # the lock was free, so the process has ended
    touched, waited_since = _modified_time(owner), time.monotonic()
    while time.monotonic() - waited_since < STALE_SECONDS - _age(folder, owner, touched):
        if _modified_time(owner) != touched:
            raise _in_use_error(folder, _read_owner(owner))
        time.sleep(min(1.0, BEAT_SECONDS))


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


def _in_use_error(folder: Path, owner: dict[str, Any]) -> RepertoireError:
    who = "another process"
    if owner:
        who = f"process {owner.get('pid')} on {owner.get('host')} since {owner.get('since')}"
    return RepertoireError(
        f"{folder} is being written by {who}; a results folder has one writer: wait for it, stop "
        "it, or give another folder with --out"
    )
