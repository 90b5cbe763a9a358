"""Fetches results from a bucket into their local copy, and writes a page of results there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

from orchestrator.results.addresses import address_of
from orchestrator.results.bucket.bucket_folder import (
    MARKS,
    BucketFolder,
    open_bucket_folder,
    sweep_names,
)
from orchestrator.results.bucket.sweep_copy import STATE_FILE, THREADS, SweepCopy
from orchestrator.results.folder.writer import has_writer
from orchestrator.stages.storage.files import FileEntry

FETCH_LOCK = ".fetch.lock"


def fetch_results(folder: Path) -> None:
    """Fetch what changed in the bucket of a local copy; any other folder is left as it is.

    A sweep that a process of this machine writes is not fetched: what is newest of it is here.

    Args:
        folder: of results, or of a sweep.

    Raises:
        RepertoireError: the bucket cannot be read, does not exist, or has more than results have.
    """
    address = address_of(folder)
    if address is None:
        return
    place = open_bucket_folder(address)
    items = place.list_items()
    if not items:
        place.require_bucket()
    folder.mkdir(parents=True, exist_ok=True)
    if MARKS & {info.base_name for info in items if info.is_file}:
        fetch_sweep(place, folder, place.list_sweep(items))
        return
    names = sweep_names(items)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda name: _list_and_fetch(place.child(name), folder / name), names))
    for state in folder.glob(f"*/{STATE_FILE}"):
        if state.parent.name not in names:  # deleted in the bucket
            fetch_sweep(place.child(state.parent.name), state.parent, {})


def fetch_sweep(place: BucketFolder, folder: Path, listed: Mapping[str, FileEntry]) -> None:
    """Fetch what changed of one sweep, unless a process of this machine writes it.

    Args:
        place: its folder in the bucket.
        folder: its local copy.
        listed: the files in the bucket by path.
    """
    if not (listed or folder.exists()):
        return
    with fetch_lock(folder):
        if not has_writer(folder):
            SweepCopy(place, folder).fetch(listed)


def _list_and_fetch(place: BucketFolder, folder: Path) -> None:
    fetch_sweep(place, folder, place.list_sweep())


def fetch_lock(folder: Path) -> FileLock:
    """Return the lock under which a local copy is fetched, and its writer's lock is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / FETCH_LOCK)


def publish_page(page: Path) -> None:
    """Write a page into the bucket of the local copy that it is in, if it is in one."""
    address = address_of(page.parent)
    if address is not None:
        open_bucket_folder(address).files().write(page.name, page.read_bytes())
