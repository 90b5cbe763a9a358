"""The evaluation of a sweep: compute the stages of its plan, and keep the tables current."""

from __future__ import annotations

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import CreateQueue, Evaluation, FirstInFirstOut
from orchestrator.graph.plan import Plan
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile
from orchestrator.results.folder.observer import Show, create_observer, initial_progress
from orchestrator.results.folder.tabulator import Tabulator


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
    progress, brake = initial_progress(plan), brake or Brake()
    tables.prepare(plan.sweep)
    try:
        if plan.unfinished_chains:
            tables.require_writable()
            tables.write_versions()
            show(progress)
            backend.compute(
                Evaluation(plan, create_queue),
                plan.sweep,
                tables.store,
                create_observer(progress, tables, show),
                brake,
            )
    finally:
        tables.note_end(brake.reason)
        file = ProgressFile(tables.folder, tables.store.uri)
        file.close(progress, complete=progress.num_missing == 0)
        tables.close()
    return progress
