"""Repertoire: runs continual-learning experiments and compares what each method buys and costs.

`load("results")` opens the tables of a results folder; everything else is on the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.results.results import Results


def load(*folders: str | Path) -> Results:
    """Open sweep folders, or folders that hold sweep folders, as one."""
    from orchestrator.results.load import (
        load as load_results,
    )  # heavy, so not before it is asked for

    return load_results(*folders)
