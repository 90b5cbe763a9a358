"""The reference of the tables of a results folder, from their schemas."""

from __future__ import annotations

from collections.abc import Mapping

from docs.site.fields import table
from orchestrator.columns import COLUMNS, is_small_better
from orchestrator.results.tables.schemas import SCHEMAS

INTRODUCTION = """\
# Tables

Made of the schemas by which tables are written. A sweep's folder has three, in Parquet;
`orchestrator.load` opens them as data frames ([From Python](../python.md)), and any other reader of
Parquet does. What cannot be defined, or was not measured, is null, never 0.

A trial's costs are those of its last stage for storage and prediction, the largest for memory, and
sums over its stages for the others ([What is counted](../costs.md)).
"""
ROWS = {
    "trials": "A row for each trial and seed. Settings are also columns `config.*`, of the types of"
    " their values.",
    "accuracy": "A row for each cell of R.",
    "stages": "A row for each stage of a trial and seed, stage 0 included.",
}
# Of columns that are neither a metric nor a cost.
MEANINGS = {
    "sweep": "name of the sweep",
    "trial_id": "the same for the same configuration in any sweep",
    "phase": '"search" or "evaluation"',
    "selected": "whether it won its search, or there was none",
    "status": "complete, stopped, diverged, failed or infeasible",
    "method": "name of the method",
    "benchmark": "name of the benchmark",
    "scenario": "task, domain or class",
    "network": "name of the network",
    "seed": "of all randomness",
    "tasks_done": "tasks learned",
    "num_tasks": "T",
    "config": "the configuration, as JSON",
    "device": "where the last stage ran",
    "mlflow_run_id": "of its run",
    "story": "why it did not end, or the error",
    "group": "the search that it is a candidate of",
    "candidate": "its number there",
    "objective": "the value that ranks it",
    "node": "the machine of the last stage",
    "pid": "the process of the last stage",
    "log": "the last lines of the worker's log, if it failed",
    "code": "the code of its parts as keys hold it, as JSON",
    "saved_flops": "FLOPs of a frozen body that features stood for",
    "means_storage_bytes": "the budget of storage of its cell, in bytes",
    "means_compute": "the budget of computation, in multiples of fine-tuning a task for an epoch",
    "means_dial": "what was solved for to meet the budgets, as JSON; with the steps "
    "that tasks took where these follow from what was learned",
    "means_flops": "FLOPs that the budget of computation allows: of the task, or of all tasks",
    "method_label": "the label of its entry in the sweep file",
    "split": '"validation" or "test"',
    "after": "tasks learned, 0..T",
    "task": "1..T",
    "accuracy": "share of the examples of the task that are right",
    "loss": "mean cross-entropy",
    "n": "number of examples",
    "key": "of the stage",
    "parent": "key of the stage that it continues from",
    "cached": "false for the one (sweep, trial, seed) that it was computed for",
    "hyperparameters": "those that change from task to task, as JSON",
    "epochs": "epochs trained",
    "gpu_utilisation": "share of the time in which the GPU ran something, 0 to 1",
    "gpu_memory_share": "share of the GPU's memory at the peak",
}
TYPES = {"string": "text", "double": "real", "int64": "integer", "bool": "true, false"}


def tables_page() -> str:
    """Return the page on all columns of the three tables."""
    head = ["Column", "Type", "Unit", "Better", "Meaning"]
    return INTRODUCTION + "".join(
        f"\n## `{name}.parquet`\n\n{ROWS[name]}\n\n"
        + table(head, ([f"`{column}`", TYPES[str(kind)], *words(column)] for column, kind in types))
        for name, types in column_types().items()
    )


def column_types() -> Mapping[str, list[tuple[str, str]]]:
    """Return table -> its columns with their types."""
    return {name: [(f.name, str(f.type)) for f in schema] for name, schema in SCHEMAS.items()}


def words(column: str) -> list[str]:
    """Return unit, direction and meaning of a column."""
    if column in MEANINGS:
        return ["", "", MEANINGS[column]]
    validated = column.removeprefix("val_")
    known = COLUMNS[validated]
    words = known.words.replace("(test)", "(validation)") if validated != column else known.words
    better = "less" if is_small_better(validated) else "more"
    return [known.unit, better, words]
