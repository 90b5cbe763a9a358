"""The folder of a sweep as a run opens it: a plain one, or the local copy of one in a bucket."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.results.addresses import address_of
from orchestrator.results.bucket.bucket_folder import open_bucket_folder
from orchestrator.results.bucket.fetch import fetch_lock
from orchestrator.results.bucket.publisher import ONCE, Publisher
from orchestrator.results.bucket.sweep_copy import SweepCopy
from orchestrator.results.bucket.writer_lease import hold_writer_lease
from orchestrator.results.folder.writer import writer_lock


@dataclass(frozen=True)
class Home:
    """The folder of a sweep, locked for writing.

    Attributes:
        out: the results folder.
        folder: of the sweep's tables, in it.
        publisher: publishes the folder where it is the copy of one in a bucket; else None.
    """

    out: Path
    folder: Path
    publisher: Publisher | None = None

    def publish(self) -> list[str]:
        """Publish what changed; return a line on what could not be published, if there is any."""
        return [] if self.publisher is None else self.publisher.finish()


@contextmanager
def open_home(folder: Path, say: Callable[[str], object] = lambda line: None) -> Iterator[Home]:
    """Lock the folder of a sweep for writing; one in a bucket there too, and fetch it.

    What an error or an interruption leaves is published, if the bucket answers at once.

    Args:
        folder: of the sweep, in a results folder.
        say: called with a line on another writer that is waited for.

    Raises:
        RepertoireError: another process writes into the folder; or its bucket cannot be used.
    """
    address = address_of(folder)
    if address is None:
        with writer_lock(folder, say):
            yield Home(folder.parent, folder)
        return
    place = open_bucket_folder(address)
    with ExitStack() as stack:
        with fetch_lock(folder):  # from here on, no command of this machine fetches the sweep
            stack.enter_context(writer_lock(folder, say))
        stack.enter_context(hold_writer_lease(place, say))
        copy = SweepCopy(place, folder)
        copy.fetch(place.list_sweep())
        publisher = Publisher(copy)
        try:
            yield Home(folder.parent, folder, publisher)
        except BaseException:
            for line in publisher.finish(ONCE):
                logging.getLogger("repertoire").warning(line)
            raise


def publish_sweeps(folders: Iterable[Path], say: Callable[[str], object]) -> list[str]:
    """Publish the sweeps of local copies; return a line for each that could not be published.

    Args:
        folders: of sweeps; those that are no copies are left as they are.
        say: as for `open_home`.
    """
    lines = list[str]()
    for folder in folders:
        if address_of(folder) is not None:
            with open_home(folder, say) as home:
                lines += home.publish()
    return lines
