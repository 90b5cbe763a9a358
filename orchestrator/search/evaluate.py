"""The evaluation of a sweep: its plan is computed, its tables kept current."""

from __future__ import annotations

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import Evaluation, FirstInFirstOut, QueueOf
from orchestrator.graph.plan import Plan
from orchestrator.graph.progress import Progress, ProgressFile
from orchestrator.results.folder import Show, Tabulator, observer, progress_of


def evaluate(
    plan: Plan,
    tables: Tabulator,
    backend: Backend,
    show: Show = lambda progress: None,
    brake: Brake | None = None,
    queue_of: QueueOf = FirstInFirstOut,
) -> Progress:
    """Compute the stages a plan lacks and keep the sweep's folder current.

    Whatever interrupts it, finished stages are in the store and the tables have them.

    Args:
        plan: what is wanted and what is stored.
        tables: of the sweep; they may have more rows than the plan has.
        backend: computes stages.
        show: called with where the sweep stands.
        brake: once pulled, no new stage starts.
        queue_of: creates the queue of the unfinished trials; not called if there is none.
    """
    progress = progress_of(plan)
    tables.prepare(plan.sweep)
    try:
        if plan.pending:
            tables.note_versions()
            show(progress)
            backend.compute(
                Evaluation(plan, queue_of),
                plan.sweep,
                tables.store,
                observer(progress, tables, show),
                brake or Brake(),
            )
    finally:
        ProgressFile(tables.folder).close(progress, complete=progress.to_go == 0)
        tables.close()
    return progress
