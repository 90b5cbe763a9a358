"""The check that every task a search ranks by has validation examples."""

from __future__ import annotations

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import RepertoireError
from orchestrator.sweep.sweep import Sweep


def require_validation(sweep: Sweep) -> None:
    """Check that every task that the search of a sweep ranks by has validation examples.

    Raises:
        RepertoireError: a task has none; the message gives the numbers and a sufficient share.
    """
    on_tasks = sweep.search.on_tasks if sweep.search else None
    benchmarks = {b: None for group in sweep.groups for b in group.parts[0].examples}
    for benchmark in benchmarks:
        _require_validation(benchmark, on_tasks or benchmark.num_tasks)


def _require_validation(benchmark: Benchmark, num_tasks: int) -> None:
    for task in benchmark.tasks()[:num_tasks]:
        if task.num_validation == 0:
            available = task.num_train
            raise RepertoireError(
                f"benchmark.validation: {benchmark.validation:g} holds out none of the {available} "
                f"training images of task {task.index}, and a search ranks by them; give at least "
                f"{1 / available:.2g}"
            )
