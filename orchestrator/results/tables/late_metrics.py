"""Metrics that tables of earlier releases lack, computed from their accuracies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

METRIC = "average_incremental_accuracy"
LATE_METRICS = (METRIC, f"val_{METRIC}")
TRIAL = ["trial_id", "seed"]


def add_late_metrics(trials: pa.Table, accuracy: pa.Table) -> pa.Table:
    """Return the trials of a sweep with the metrics that were added later.

    Args:
        trials: the table, with null in these columns.
        accuracy: the accuracies of the same sweep.
    """
    figures = incremental_accuracies(accuracy.to_pandas())
    rows = trials.select([*TRIAL, "status", "phase"]).to_pandas().merge(figures, "left", TRIAL)
    complete = rows["status"] == "complete"
    # A candidate of a search has no figures on test data.
    counts = {METRIC: complete & (rows["phase"] != "search"), f"val_{METRIC}": complete}
    for name, split in zip(LATE_METRICS, ("test", "validation"), strict=True):
        values = rows[split].where(counts[name]).to_numpy(dtype=np.float64)
        column = pa.array(values, pa.float64(), from_pandas=True)
        trials = trials.set_column(trials.schema.get_field_index(name), name, column)
    return trials


def incremental_accuracies(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the average incremental accuracy of each trial and seed: `test`, `validation`.

    It is NaN where an accuracy on a task seen is missing.
    """
    seen = accuracy[accuracy["task"] <= accuracy["after"]]
    by_stage = _mean(seen, [*TRIAL, "split", "after"], "accuracy").reset_index()
    means = _mean(by_stage, [*TRIAL, "split"], "accuracy").unstack("split")
    return means.reindex(columns=["test", "validation"]).reset_index()


def _mean(rows: pd.DataFrame, by: list[str], value: str) -> pd.Series[float]:
    # pandas skips NaN, and a mean over fewer tasks would be another metric.
    groups = rows.groupby(by, sort=False)[value]
    return groups.mean().where(groups.count() == groups.size())


def late_metrics_query(trials: str, accuracy: str) -> str:
    """Return the query that adds the metrics to rows of a sweep, in DuckDB's SQL.

    Args:
        trials: query of the rows of the trials table, with null in the columns of the metrics.
        accuracy: query of the rows of the accuracy table.
    """
    columns = ", ".join(
        f"CASE WHEN count(*) FILTER ({here}) = count(seen) FILTER ({here}) "
        f"THEN avg(seen) FILTER ({here}) END AS late_{split}"
        for split in ("test", "validation")
        for here in [f"split = '{split}'"]
    )
    # avg() skips nulls, so the counts are compared.
    stages = (
        "SELECT trial_id, seed, split, after, "
        "CASE WHEN count(*) = count(accuracy) THEN avg(accuracy) END AS seen "
        f"FROM ({accuracy}) WHERE task <= after GROUP BY ALL"
    )
    return (
        f"SELECT part.* REPLACE ("
        f"CASE WHEN status = 'complete' AND phase <> 'search' THEN late_test END AS {METRIC}, "
        f"CASE WHEN status = 'complete' THEN late_validation END AS val_{METRIC}) "
        f"FROM ({trials}) AS part LEFT JOIN "
        f"(SELECT trial_id, seed, {columns} FROM ({stages}) GROUP BY ALL) AS late "
        "USING (trial_id, seed)"
    )
