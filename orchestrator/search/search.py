"""The search of a sweep: compute the stages it asks for, and keep the tables current."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend, Client
from orchestrator.graph.events import (
    ChainAdvanced,
    ChainEnded,
    ChainId,
    ChainWanted,
    Event,
    Instruction,
)
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile
from orchestrator.results.folder.observer import Show, create_observer
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.winners import ChainStages, Winner
from orchestrator.stages.outcomes import Key
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.sweep import Sweep

FILE = "search.json"
UPDATE_SECONDS = 0.5  # a search of small stages has many events a second


class SearchClient(Client, Protocol):
    """A client of the trial graph that searches; in the end it has winners."""

    @property
    def complete(self) -> bool:
        """Whether the search is complete."""

    def winners(self) -> list[Winner]:
        """Return the winners."""

    def missing_winners(self) -> list[str]:
        """Return a line for each group without a winner that says why."""

    def chains(self, finished: bool) -> list[ChainStages]:
        """Return the rows of candidates with their stages."""

    def keys(self, chain: ChainId) -> Iterable[Key]:
        """Return the keys of all stages of a chain that was requested."""

    def tally(self) -> Mapping[str, int]:
        """Return the fields of `Progress` that a search counts itself.

        They are `trials`, `trials_done`, `asked_for`, `shared`, and `to_go`: the stages left.
        """

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return the spaces, the options of the search and the winners, in JSON types."""


class _RegisteringClient:
    """A search whose chains are registered with the store before their stages are computed."""

    def __init__(self, study: SearchClient, tables: Tabulator) -> None:
        self._study, self._tables = study, tables
        self._chains: set[ChainId] = set()

    @property
    def orders(self) -> Mapping[Key, StageOrder]:
        return self._study.orders

    def begin(self) -> list[Event]:
        return self._register(self._study.begin())

    def handle(self, news: ChainAdvanced | ChainEnded) -> list[Event]:
        return self._register(self._study.handle(news))

    def _register(self, events: list[Event]) -> list[Event]:
        wanted = [event for event in events if isinstance(event, ChainWanted)]
        chains = {event.chain for event in wanted} - self._chains
        self._tables.add_keys(key for chain in chains for key in self._study.keys(chain))
        self._chains |= chains
        if any(key not in event.stored for event in wanted for key, _ in event.stages):
            self._tables.require_writable()
        return events


class _Reporter:
    """The progress of a search and the rows of its candidates, kept current."""

    def __init__(self, study: SearchClient, tables: Tabulator, show: Show) -> None:
        self.progress = Progress(phase="search")
        self._study, self._tables = study, tables
        self._count = create_observer(self.progress, tables, show, self.update_rows)
        self._due = 0.0

    def update_progress(self) -> None:
        for name, value in self._study.tally().items():
            setattr(self.progress, name, value)

    def update_rows(self, finished: bool = False) -> None:
        self._tables.chains = tuple(chain for chain, _ in self._study.chains(finished))

    def observe(self, news: Event | Instruction) -> None:
        if (started := time.monotonic()) >= self._due:
            self.update_progress()  # goes through all candidates
            end = time.monotonic()
            # At most a twentieth of the time.
            self._due = end + max(UPDATE_SECONDS, 20 * (end - started))
        self._count(news)


def search(
    study: SearchClient,
    sweep: Sweep,
    tables: Tabulator,
    backend: Backend,
    show: Show,
    brake: Brake,
) -> Progress:
    """Search until the search is complete or the brake is pulled.

    Whatever interrupts it, the folder has the rows of the candidates and `search.json`.

    Args:
        study: decides which stages are wanted.
        sweep: the sweep that is searched.
        tables: of the sweep.
        backend: computes stages.
        show: called with the progress.
        brake: once pulled, no new stage starts.
    """
    tables.prepare(sweep)
    tables.write_versions()
    # Before the first stage, so that a search that is killed leaves its options.
    write_outcome(tables, study.describe(finished=False))
    reporter = _Reporter(study, tables, show)
    try:
        client = _RegisteringClient(study, tables)
        backend.compute(client, sweep, tables.store, reporter.observe, brake)
    finally:
        reporter.update_progress()
        tables.note_end(brake.reason)
        ProgressFile(tables.folder, tables.store.uri).close(reporter.progress, complete=False)
        reporter.update_rows(study.complete)
        tables.refresh()
        write_outcome(tables, study.describe(study.complete))
    return reporter.progress


def write_outcome(tables: Tabulator, content: Mapping[str, Any]) -> None:
    """Write `search.json` atomically."""
    write_atomically(tables.folder / FILE, json.dumps(content, indent=1))
