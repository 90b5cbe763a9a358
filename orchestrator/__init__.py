"""Repertoire: runs continual-learning experiments and compares what each method buys and costs.

`load("results")` opens the tables of a results folder; everything else is on the command line.
Heavy packages are imported by the functions that need them. Begin with `cli/run.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.results.results import Results


def load(*folders: str | Path) -> Results:
    """Open sweep folders, or folders that hold sweep folders, as one."""
    # Pandas takes a second to import, which `repertoire --help` should not wait for.
    from orchestrator.results import load as loading

    return loading.load(*folders)
