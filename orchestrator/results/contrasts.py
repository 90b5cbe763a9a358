"""Differences of the rows of a comparison on common seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestrator.columns import METRICS
from orchestrator.results.by_seed import arrange_by_seed, count_common_seeds
from orchestrator.results.comparison import complete_evaluations
from orchestrator.results.intervals import Floats
from orchestrator.results.lookup import find_table_rows
from orchestrator.results.multiple_tests import holm, holm_against_best
from orchestrator.results.pooling import pool_trials
from orchestrator.results.results import Results
from orchestrator.results.statistics import paired_differences


def with_differences(
    results: Results, table: pd.DataFrame, against: str | None = None
) -> pd.DataFrame:
    """Add to a comparison how much each row differs from a reference row, on common seeds.

    New columns: `against` (the label of the reference), `against_best` (whether the reference is
    the row of the largest mean ACC, since none was given), `n_common` seeds, and for each metric
    the columns of `differences`: `_diff`, `_diff_low`, `_diff_high`, `_p` and `_p_holm`.

    Args:
        results: the results that were compared.
        table: the comparison.
        against: label, trial id or description of the reference; None for the row of the largest
            mean ACC. A table without the reference gets nulls.

    Raises:
        UnknownName: no table has such a row.
        RepertoireError: several rows of one table match.
    """
    matching = None if against is None else find_table_rows(results, table, against)
    trials = complete_evaluations(pool_trials(results.trials).trials)
    parts = []
    for _, rows in table.groupby("table", sort=False):
        best = rows.nlargest(1, "acc_mean").index
        chosen = best if matching is None else rows.index[matching[rows.index]]
        if len(chosen):
            parts.append(_compare_all_metrics(trials, rows, int(chosen[0]), matching is None))
    columns = pd.concat(parts) if parts else pd.DataFrame(index=table.index)
    result = table.join(columns.assign(against_best=against is None))
    result.attrs = dict(table.attrs)
    return result


def _compare_all_metrics(
    trials: pd.DataFrame, rows: pd.DataFrame, reference: int, best: bool
) -> pd.DataFrame:
    seed, *metrics = arrange_by_seed(trials, rows, ["seed", *METRICS])
    common = count_common_seeds(seed, list(rows.index).index(reference))
    columns = {"against": rows.at[reference, "label"], "n_common": common}
    parts = [pd.DataFrame(columns, index=rows.index)]
    for metric, values in zip(METRICS, metrics, strict=True):
        part = _differences_from(values, rows.index, reference, best and metric == "acc")
        parts.append(part.drop(columns="n").add_prefix(f"{metric}_"))
    return pd.concat(parts, axis="columns")


def differences(
    results: Results, rows: pd.DataFrame, reference: int, metric: str, best: bool = False
) -> pd.DataFrame:
    """Return the difference of each row's metric from that of a reference row, paired by seed.

    Args:
        results: the results that were compared.
        rows: the rows of one table of the comparison.
        reference: index of the reference in `rows`.
        metric: a column of `trials`.
        best: whether the reference was chosen for its metric, which `p_holm` then accounts for.

    Returns:
        A row for each of `rows`, NaN for the reference: `n` common seeds, `diff` (the mean), its
        95% paired t interval `diff_low` and `diff_high`, `p` of the paired t-test, and `p_holm`,
        corrected for the number of rows, or of all pairs if `best`. The interval excludes 0 exactly
        if p is below 0.05.
    """
    (values,) = arrange_by_seed(
        complete_evaluations(pool_trials(results.trials).trials), rows, [metric]
    )
    return _differences_from(values, rows.index, reference, best)


def _differences_from(
    values: Floats, index: pd.Index[int], reference: int, best: bool
) -> pd.DataFrame:
    at = list(index).index(reference)
    result = paired_differences(values, values[at])
    p = result.p.copy()
    # The reference equals itself with p = 1, which is no test to correct the others for.
    p[at] = np.nan
    columns = {
        "n": result.n,
        "diff": result.mean,
        "diff_low": result.low,
        "diff_high": result.high,
        "p": p,
        "p_holm": holm_against_best(values, at) if best else holm(p),
    }
    table = pd.DataFrame(columns, index=index)
    table.loc[reference, ["diff", "diff_low", "diff_high"]] = np.nan
    return table
