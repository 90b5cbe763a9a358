"""The two phases of a sweep, search and evaluation: compute stages and keep tables current."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend, Client
from orchestrator.graph.evaluation import CreateQueue, Evaluation, FirstInFirstOut
from orchestrator.graph.events import Event, Instruction
from orchestrator.graph.plan import Plan
from orchestrator.graph.progress import Progress, ProgressFile
from orchestrator.results.folder.observer import Show, create_observer, initial_progress
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.study import ChainStages, Winner
from orchestrator.stages.storage.files import write_atomically
from orchestrator.sweep.sweep import Sweep

FILE = "search.json"
UPDATE_SECONDS = 0.5


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

    def tally(self) -> Mapping[str, int]:
        """Return the counts trials, trials_done, asked_for, shared, to_go."""

    def describe(self, finished: bool) -> dict[str, Any]:
        """Return the spaces, the options of the search and the winners, in JSON types."""


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
    write_outcome(tables, study.describe(finished=False))
    progress, due = Progress(phase="search"), 0.0

    def update_progress() -> None:
        for name, value in study.tally().items():
            setattr(progress, name, value)

    def update_rows() -> None:
        tables.chains = tuple(chain for chain, _ in study.chains(finished=False))

    count = create_observer(progress, tables, show, update_rows)

    def observe(news: Event | Instruction) -> None:
        nonlocal due
        if (started := time.monotonic()) >= due:
            update_progress()  # goes through all candidates
            finished = time.monotonic()
            due = finished + max(UPDATE_SECONDS, 20 * (finished - started))
        count(news)

    try:
        backend.compute(study, sweep, tables.store, observe, brake)
    finally:
        update_progress()
        ProgressFile(tables.folder).close(progress, complete=False)
        tables.chains = tuple(chain for chain, _ in study.chains(study.complete))
        tables.refresh()
        write_outcome(tables, study.describe(study.complete))
    return progress


def write_outcome(tables: Tabulator, content: Mapping[str, Any]) -> None:
    """Write `search.json` atomically."""
    write_atomically(tables.folder / FILE, json.dumps(content, indent=1))


def evaluate(
    plan: Plan,
    tables: Tabulator,
    backend: Backend,
    show: Show = lambda progress: None,
    brake: Brake | None = None,
    create_queue: CreateQueue = FirstInFirstOut,
) -> Progress:
    """Compute the stages of a plan that the store lacks.

    Whatever interrupts it, the store has the finished stages and the tables have their rows.

    Args:
        plan: the stages that are wanted, and those that are stored.
        tables: of the sweep; they may have more rows than the plan.
        backend: computes stages.
        show: called with the progress.
        brake: once pulled, no new stage starts.
        create_queue: creates the queue of the unfinished trials; not called if there are none.
    """
    progress = initial_progress(plan)
    tables.prepare(plan.sweep)
    try:
        if plan.pending:
            tables.write_versions()
            show(progress)
            backend.compute(
                Evaluation(plan, create_queue),
                plan.sweep,
                tables.store,
                create_observer(progress, tables, show),
                brake or Brake(),
            )
    finally:
        ProgressFile(tables.folder).close(progress, complete=progress.to_go == 0)
        tables.close()
    return progress
