"""A lock for the writer of a sweep's folder, with a file that names the owner (`owner.py`).

The operating system releases the lock when its process ends.
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

from filelock import FileLock, Timeout

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.results.folder.owner import (
    OWNER,
    in_use_error,
    read_owner,
    touch_until,
    wait_for_owner,
)

LOCK = ".writer.lock"


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
        raise in_use_error(folder, read_owner(owner)) from None
    else:
        shown_by_lock = True
    try:
        # The lock may be ours while a process on another host still writes.
        wait_for_owner(folder, owner, shown_by_lock, say)
        with _name_owner(owner):
            yield
    finally:
        lock.release()


def has_writer(folder: Path) -> bool:
    """Return whether a process of this machine holds the lock of a sweep's folder."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except NotImplementedError:  # the file system has no locks
        return False
    lock.release()
    return False


@contextlib.contextmanager
def _name_owner(owner: Path) -> Iterator[None]:
    """Name this process in the owner's file, and touch the file until the block ends."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    own = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
    write_atomically(owner, json.dumps(own))
    over = threading.Event()
    # A daemon: a process that ends must not wait for the next beat.
    beat = threading.Thread(target=touch_until, args=(owner, over), daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()
        owner.unlink(missing_ok=True)
