"""Pauses of Python's cyclic garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_collector() -> Iterator[None]:
    """Pause the collector for a block, or a function that this decorates.

    For code that creates very many values that are all kept and have no reference cycles, such as
    the trials of a sweep, a plan or the rows of tables: the collector would go through them again
    and again, which takes up to a third of the time, and would free nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def keep_imports() -> Iterator[None]:
    """Pause the collector for a block of imports, and exclude all that then exists from it.

    What an import creates, more than half a million objects with torch, lives until the process
    ends: to go through it takes up to a seventh of the import's time, and frees nothing. Only for
    processes of our own, the command and workers: garbage that is there already is never freed.
    """
    with pause_collector():
        yield
        gc.freeze()
