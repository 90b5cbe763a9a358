"""Starts Ray while the command imports what it needs, where a run is certain to need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.backends.local_ray import LocalRay

# The name is read from the text: loading the sweep would need the imports that take the time.
NAME = re.compile(r"^name:[ ]+([A-Za-z0-9][A-Za-z0-9_.-]{0,99})\s*(?:#.*)?$", re.MULTILINE)


@contextmanager
def start_early_ray(path: Path, out: Path, wanted: bool) -> Iterator[LocalRay | None]:
    """Yield a Ray that is starting, or None if the run may need none; close it at the end.

    Args:
        path: of the sweep file, which nothing has checked yet.
        out: the results folder.
        wanted: whether stages are computed by a Ray on this machine.
    """
    local = LocalRay() if wanted and is_new(path, out) else None
    try:
        yield local
    finally:
        if local is not None:
            local.close()


def is_new(path: Path, out: Path) -> bool:
    """Return whether a sweep has no tables yet; False if its name is not found in the file."""
    with suppress(OSError, ValueError):
        name = NAME.search(path.read_text(encoding="utf-8"))
        return name is not None and not (out / name[1] / "trials.parquet").exists()
    return False
