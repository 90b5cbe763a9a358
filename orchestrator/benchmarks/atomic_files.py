"""Files that are replaced as a whole: a reader sees the former file or the new one, never a part.

The one place that does so. It lies in the lowest package that writes files, and no library of the
dependencies has it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PARTIAL = ".tmp"  # the end of the names of files that are being written


def write_atomically(path: Path, data: bytes | memoryview | str, durable: bool = False) -> None:
    """Replace a file atomically; creates its folder.

    Args:
        path: of the file.
        data: its content; text is encoded as UTF-8.
        durable: whether the content is on the disk before the file is replaced. Where
            every reader checks a file, or can do without it, the wait is not worth it.
    """
    content = data.encode() if isinstance(data, str) else data
    with replace_when_complete(path) as partial:
        write_partial(partial, content, durable)


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write, which replaces `path` at the end unless the block raises.

    For a library that writes to a path; `write_atomically` has the content at hand.
    """
    with partial_file(path) as partial:
        yield partial
        os.replace(partial, path)


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Yield a path beside a file; what is there at the end is deleted."""
    # In the same folder, since a rename is atomic within one file system alone.
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def write_partial(partial: Path, data: bytes | memoryview, durable: bool = False) -> None:
    """Write a file that is to replace another; creates its folder."""
    try:
        file = partial.open("wb")
    except FileNotFoundError:
        partial.parent.mkdir(parents=True, exist_ok=True)
        file = partial.open("wb")
    with file:
        file.write(data)
        if durable:
            flush_to_disk(file)


def flush_to_disk(file: IO[bytes]) -> None:
    """Return once the disk has what was written to a file."""
    file.flush()
    os.fsync(file.fileno())
