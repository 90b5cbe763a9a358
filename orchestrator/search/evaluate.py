"""The evaluation of a sweep: the stages of its plan are computed, its tables kept current."""

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
    """Compute the stages of a plan that the store lacks.

    Whatever interrupts it, the store has the finished stages and the tables have their rows.

    Args:
        plan: the stages that are wanted, and those that are stored.
        tables: of the sweep; they may have more rows than the plan.
        backend: computes stages.
        show: called with the progress.
        brake: once pulled, no new stage starts.
        queue_of: creates the queue of the unfinished trials; not called if there are none.
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
