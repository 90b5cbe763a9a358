"""The columns of the three tables of a sweep, and their types.

The types do not depend on the values, except those of `config.*`, which are derived from `config`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from orchestrator.columns import (
    CODE,
    FLOPS,
    LATE_COSTS,
    LATE_STORAGE,
    MEANS,
    MEANS_FLOPS,
    METHOD_LABEL,
    METRICS,
    PEAK_STORAGE,
    STORAGE,
    STORAGE_BOUND,
    VALIDATED,
    column_kind,
)

SPLITS = ("validation", "test")
TRIAL = ("sweep", "trial_id", "seed")
KIND = ("method", "benchmark", "scenario", "network")
IDENTITY = ("sweep", "trial_id", "phase", "selected", "status", *KIND, "seed")
DEPTH = ("tasks_done", "num_tasks", "config")
STAGE = (*TRIAL, "after", "key", "parent", "cached")
# Of the first release, whose columns keep their order; what is added comes in LATER_METRICS.
FIRST_COSTS = (*STORAGE, *FLOPS, "train_seconds", "eval_seconds", "peak_memory_bytes", "device")
# Columns of later releases are last, so that the columns of the first keep their places.
ADDED_LATER = ("consolidate_seconds", "samples", "story", "cpu_seconds", "gpu_seconds")
# Where the last stage ran, and what its worker wrote last if it failed.
WORKER = ("node", "pid", "log")
FIRST_METRICS = ("acc", "bwt", "fwt", "forgetting", "learning_accuracy")
SEARCH = ("group", "candidate", "objective", "val_bwt", "val_forgetting", "val_learning_accuracy")
INCREMENTAL = ("average_incremental_accuracy", "val_average_incremental_accuracy")
PLACED = (*FIRST_METRICS, "val_acc", *SEARCH, *INCREMENTAL)
LATER_METRICS = tuple(name for name in (*METRICS, *VALIDATED) if name not in PLACED)

ARROW: Mapping[type, pa.DataType] = {
    bool: pa.bool_(),
    float: pa.float64(),
    int: pa.int64(),
    str: pa.string(),
}


def create_schema(columns: Iterable[str]) -> pa.Schema:
    """Return the schema of columns, with the types that `orchestrator.columns` says they have."""
    return pa.schema((column, ARROW[column_kind(column)]) for column in columns)


TRIALS = create_schema(
    [
        *(*IDENTITY, *DEPTH, *FIRST_METRICS, "val_acc", *FIRST_COSTS, "mlflow_run_id"),
        *(*ADDED_LATER, *SEARCH, *INCREMENTAL, *WORKER, CODE, *MEANS),
        *(*LATE_COSTS, *LATE_STORAGE, METHOD_LABEL, *LATER_METRICS, MEANS_FLOPS),
        *(PEAK_STORAGE, STORAGE_BOUND),
    ]
)
ACCURACY = create_schema([*TRIAL, "split", "after", "task", "accuracy", "loss", "n"])
STAGES = create_schema(
    [
        *(*STAGE, *FIRST_COSTS, "node", "status", *ADDED_LATER),
        *("hyperparameters", "epochs", "pid", "gpu_utilisation", *LATE_COSTS, "gpu_memory_share"),
        *(*LATE_STORAGE, MEANS_FLOPS),
    ]
)
SCHEMAS: Mapping[str, pa.Schema] = {"trials": TRIALS, "accuracy": ACCURACY, "stages": STAGES}
