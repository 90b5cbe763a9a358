"""Columns of the three Parquet tables and their types, which never depend on what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from orchestrator.columns import COLUMNS, FLOPS, METRICS, STORAGE, VALIDATED

SPLITS = ("validation", "test")
TRIAL = ("sweep", "trial_id", "seed")
KIND = ("method", "benchmark", "scenario", "network")
IDENTITY = ("sweep", "trial_id", "phase", "selected", "status", *KIND, "seed")
DEPTH = ("tasks_done", "num_tasks", "config")
STAGE = (*TRIAL, "after", "key", "parent", "cached")
SPENT = (*STORAGE, *FLOPS, "train_seconds", "eval_seconds", "peak_memory_bytes", "device")
# Columns that came with later releases stand last, so that those of the first stay in place.
LATER = ("consolidate_seconds", "samples", "story", "cpu_seconds", "gpu_seconds")
SEARCHED = ("group", "candidate", "objective", *(name for name in VALIDATED if name != "val_acc"))

TRUTH = frozenset({"selected", "cached"})
# FLOPs are reals: a large network's can exceed 64-bit integers, and below 2^53 all are exact.
REAL = frozenset({name for name, column in COLUMNS.items() if column.kind is float})
REAL |= {*VALIDATED, "objective", "accuracy", "loss"}
WHOLE = frozenset({name for name, column in COLUMNS.items() if column.kind is int})
WHOLE |= {"seed", "candidate", "tasks_done", "num_tasks", "after", "task", "n"}


def schema_of(columns: Iterable[str]) -> pa.Schema:
    """Return the Parquet types of named columns; a name that is in no set above is text."""
    kinds = ((TRUTH, pa.bool_()), (REAL, pa.float64()), (WHOLE, pa.int64()))
    return pa.schema(
        (column, next((kind for names, kind in kinds if column in names), pa.string()))
        for column in columns
    )


TRIALS = schema_of(
    [*IDENTITY, *DEPTH, *METRICS, "val_acc", *SPENT, "mlflow_run_id", *LATER, *SEARCHED]
)
ACCURACY = schema_of([*TRIAL, "split", "after", "task", "accuracy", "loss", "n"])
STAGES = schema_of([*STAGE, *SPENT, "node", "status", *LATER, "hyperparameters"])
SCHEMAS: Mapping[str, pa.Schema] = {"trials": TRIALS, "accuracy": ACCURACY, "stages": STAGES}
