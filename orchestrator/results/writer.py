"""The one writer of a sweep's folder: a lock that says who holds it.

The lock is the operating system's, so it ends with its process however that ends. File systems that
do not share locks between hosts are covered by the owner's file, which its holder touches every few
seconds: an owner on another host that no longer does so is gone.
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
def writing(folder: Path) -> Iterator[None]:
    """Hold a sweep's folder for writing; it is made if need be. Reading needs no lock.

    A process that was killed and started again on another host waits until the former owner has
    been silent for 30 seconds.

    Raises:
        RepertoireError: another process writes there; says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(folder / LOCK), folder / OWNER
    try:
        with contextlib.suppress(NotImplementedError):  # a file system without locks
            lock.acquire(timeout=0)
    except Timeout:
        raise _folder_in_use(folder, _read(owner)) from None
    try:
        _wait_for_other_host(folder, owner)
        own = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        owner.write_text(json.dumps(own), encoding="utf-8")
        over = threading.Event()
        beat = threading.Thread(target=_beat, args=(owner, over), daemon=True)
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
    """Return once nobody on another host holds the folder.

    Raises:
        RepertoireError: somebody does, since the owner's file is being touched.
    """
    known = _read(owner)
    if known.get("host") in (None, socket.gethostname()):
        return  # the lock of this host says that the process is gone
    touched, waited_since = _touched(owner), time.monotonic()
    while time.monotonic() - waited_since < STALE_SECONDS - _age(folder, owner, touched):
        if _touched(owner) != touched:
            raise _folder_in_use(folder, _read(owner))
        time.sleep(min(1.0, BEAT_SECONDS))


def _age(folder: Path, owner: Path, touched: float) -> float:
    """Return the seconds since a file was touched when this began, by the file system's clock."""
    probe = folder / f"{OWNER}.{os.getpid()}"
    try:
        probe.touch()
        return max(0.0, probe.stat().st_mtime - touched) if touched else STALE_SECONDS
    finally:
        probe.unlink(missing_ok=True)


def _touched(owner: Path) -> float:
    with contextlib.suppress(OSError):
        return owner.stat().st_mtime
    return 0.0


def _beat(owner: Path, over: threading.Event) -> None:
    while not over.wait(BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(owner)


def _read(owner: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        document = json.loads(owner.read_text(encoding="utf-8"))
        return document if isinstance(document, dict) else {}
    return {}


def _folder_in_use(folder: Path, owner: dict[str, Any]) -> RepertoireError:
    who = "another process"
    if owner:
        who = f"process {owner.get('pid')} on {owner.get('host')} since {owner.get('since')}"
    return RepertoireError(
        f"{folder} is being written by {who}; a results folder has one writer: wait for it, stop "
        "it, or give another folder with --out"
    )
