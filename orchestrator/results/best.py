"""Which rows of a comparison are the best of their table, ties included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestrator.columns import METRICS, SHOWN_METRICS, is_small_better
from orchestrator.results.by_seed import arrange_by_seed
from orchestrator.results.comparison import complete_evaluations
from orchestrator.results.intervals import Floats
from orchestrator.results.multiple_tests import holm_against_best
from orchestrator.results.pooling import pool_trials
from orchestrator.results.results import Results
from orchestrator.results.statistics import ROUNDING

LEVEL = 0.05


def with_best(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Add `_best` of each printed metric: whether a row is best in its table, or ties with that.

    A row ties with that of the best mean if both means are equal, or if their differences on common
    seeds have a p-value of at least 0.05 by the paired t-test with Holm's correction for all pairs.
    On a single common seed there is no test, and only equal values tie. A table of one row has no
    best.

    Args:
        results: the results that were compared.
        table: the comparison.
    """
    printed = table.attrs.get("columns", SHOWN_METRICS)
    metrics = [name for name in METRICS if name in printed]
    trials = complete_evaluations(pool_trials(results.trials).trials)
    best = pd.DataFrame(False, table.index, [f"{name}_best" for name in metrics])
    for _, rows in table.groupby("table", sort=False):
        values = arrange_by_seed(trials, rows, metrics) if len(rows) > 1 else []
        for metric, by_seed in zip(metrics, values, strict=False):
            means = rows[f"{metric}_mean"].to_numpy(float)
            better = -means if is_small_better(metric) else means
            best.loc[rows.index, f"{metric}_best"] = ties_with_best(by_seed, better)
    marked = table.join(best)
    marked.attrs = dict(table.attrs)
    return marked


def ties_with_best(by_seed: Floats, means: Floats) -> list[bool]:
    """Return, for each of K rows, whether it ties with the row of the largest mean.

    Args:
        by_seed: shape [K, S], a column for each seed.
        means: shape [K], with the sign that makes more better; NaN ties with nothing.
    """
    if np.isnan(means).all():
        return [False] * len(means)
    chosen = int(np.nanargmax(means))
    p = holm_against_best(by_seed, chosen)
    ties = (p >= LEVEL) | (np.abs(means - means[chosen]) < ROUNDING)
    return [bool(tie) for tie in ties & np.isfinite(means)]
