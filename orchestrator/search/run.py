"""The search of a sweep: stages are computed, tables kept, and the outcome written."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend, Client
from orchestrator.graph.events import Event, Instruction
from orchestrator.graph.progress import Progress, ProgressFile
from orchestrator.results.folder import Show, Tabulator, observer
from orchestrator.search.study import Winner
from orchestrator.stages.files import write_atomically
from orchestrator.stages.stage import Chain, Stage
from orchestrator.sweep.sweep import Sweep

FILE = "search.json"
UPDATE_SECONDS = 0.5


class Searching(Client, Protocol):
    """A search of a sweep: it wants stages, and in the end it knows who won."""

    @property
    def complete(self) -> bool:
        """Whether it came to its end."""

    def winners(self) -> list[Winner]:
        """Return who won."""

    def lost(self) -> list[str]:
        """Return the groups that no candidate won."""

    def chains(self, finished: bool) -> list[tuple[Chain, tuple[Stage, ...]]]:
        """Return what has rows in the tables."""

    def tally(self) -> Mapping[str, int]:
        """Return where it stands: trials, trials_done, asked_for, shared, to_go."""

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return what was searched, how, and who won, JSON types."""


def search(
    searching: Searching,
    sweep: Sweep,
    tables: Tabulator,
    backend: Backend,
    show: Show,
    brake: Brake,
) -> Progress:
    """Run a search as far as the brake lets it; leave its rows and its outcome in the folder."""
    tables.prepare(sweep)
    tables.note_versions()
    leave(tables, searching.describe(finished=False))
    progress, due = Progress(phase="search"), 0.0

    def update() -> None:
        for name, value in searching.tally().items():
            setattr(progress, name, value)

    def rows() -> None:
        tables.chains = tuple(chain for chain, _ in searching.chains(finished=False))

    count = observer(progress, tables, show, rows)

    def watch(news: Event | Instruction) -> None:
        nonlocal due
        if time.monotonic() >= due:
            update()
            due = time.monotonic() + UPDATE_SECONDS
        count(news)

    try:
        backend.compute(searching, sweep, tables.store, watch, brake)
    finally:
        update()
        ProgressFile(tables.folder).close(progress, complete=False)
        tables.chains = tuple(chain for chain, _ in searching.chains(searching.complete))
        tables.refresh()
        leave(tables, searching.describe(searching.complete))
    return progress


def leave(tables: Tabulator, content: Mapping[str, Any]) -> None:
    """Write the outcome of a search, in one step."""
    write_atomically(tables.folder / FILE, json.dumps(content, indent=1))
