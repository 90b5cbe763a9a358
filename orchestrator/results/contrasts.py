"""What a comparison says beyond its rows: how they differ on common seeds, and how they rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.columns import METRICS
from orchestrator.results.comparison import evaluated
from orchestrator.results.finding import find_row
from orchestrator.results.pooling import CONFIGURATION, pooled
from orchestrator.results.results import Results
from orchestrator.results.statistics import Floats, holm, holm_of_best, paired, ranks


def with_differences(
    results: Results, table: pd.DataFrame, against: str | None = None
) -> pd.DataFrame:
    """Add to a comparison how much each row differs from one row of its table, on common seeds.

    New columns: `against` (the label it is compared with), `against_best` (none was named, so that
    is the row of the largest mean ACC), `n_common` seeds, and of each metric those of
    `differences`: `_diff`, `_diff_low`, `_diff_high`, `_p` and `_p_holm`.

    Args:
        results: that the comparison was made from.
        table: the comparison.
        against: label, trial id or description of the row to compare the others with; a table
            without it has nulls.

    Raises:
        UnknownName: no table has such a row.
        RepertoireError: it fits several rows of one table.
    """
    named = None if against is None else find_row(results, table, against)
    trials = evaluated(pooled(results.trials).trials)
    parts = []
    for _, rows in table.groupby("table", sort=False):
        best = rows.nlargest(1, "acc_mean").index
        chosen = best if named is None else rows.index[named[rows.index]]
        if len(chosen):
            parts.append(_all_metrics(trials, rows, int(chosen[0]), named is None))
    columns = pd.concat(parts) if parts else pd.DataFrame(index=table.index)
    joined = table.join(columns.assign(against_best=against is None))
    joined.attrs = dict(table.attrs)  # what is left out, and why tables are apart
    return joined


def _all_metrics(
    trials: pd.DataFrame, rows: pd.DataFrame, reference: int, best: bool
) -> pd.DataFrame:
    seed, *metrics = by_seed(trials, rows, ["seed", *METRICS])
    common = _common(seed, list(rows.index).index(reference))
    columns = {"against": rows.at[reference, "label"], "n_common": common}
    parts = [pd.DataFrame(columns, index=rows.index)]
    for metric, values in zip(METRICS, metrics, strict=True):
        part = _differences(values, rows.index, reference, best and metric == "acc")
        parts.append(part.drop(columns="n").add_prefix(f"{metric}_"))
    return pd.concat(parts, axis="columns")


def differences(
    results: Results, rows: pd.DataFrame, reference: int, metric: str, best: bool = False
) -> pd.DataFrame:
    """Return how much each row's metric is above that of the reference, paired by seed.

    Args:
        results: that the comparison was made from.
        rows: those of one table of it, the reference among them.
        reference: its index in `rows`.
        metric: a column of `trials`.
        best: the reference was chosen because its metric is the largest, which `p_holm` then takes
            into account.

    Returns:
        A row for each of `rows`, NaN for the reference: `n` common seeds, `diff` (the mean), its
        95% paired t interval `diff_low` and `diff_high`, `p` of the paired t-test, and `p_holm`,
        corrected for the number of rows, or for all pairs where `best`. The interval leaves out 0
        exactly where p is below 0.05.
    """
    (values,) = by_seed(evaluated(pooled(results.trials).trials), rows, [metric])
    return _differences(values, rows.index, reference, best)


def _differences(values: Floats, index: pd.Index[int], reference: int, best: bool) -> pd.DataFrame:
    at = list(index).index(reference)
    result = paired(values, values[at])
    p = result.p.copy()
    p[at] = np.nan
    columns = {
        "n": result.n,
        "diff": result.mean,
        "diff_low": result.low,
        "diff_high": result.high,
        "p": p,
        "p_holm": holm_of_best(values, at) if best else holm(p),
    }
    table = pd.DataFrame(columns, index=index)
    table.loc[reference, ["diff", "diff_low", "diff_high"]] = np.nan
    return table


def by_seed(trials: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]) -> list[Floats]:
    """Return columns of trials by configuration and seed, each of shape [K, S].

    Args:
        trials: complete ones, each (trial, seed) once.
        rows: K rows of a comparison.
        columns: S is the number of seeds that any of the rows has; NaN where one has it not.
    """
    place = pd.MultiIndex.from_frame(rows[CONFIGURATION]).get_indexer(
        pd.MultiIndex.from_frame(trials[CONFIGURATION])
    )
    trials, place = trials[place >= 0], place[place >= 0]
    seeds, numbers = np.unique(trials["seed"], return_inverse=True)
    arrays = []
    for column in columns:
        values = np.full((len(rows), len(seeds)), np.nan)
        values[place, numbers] = trials[column].to_numpy(float)
        arrays.append(values)
    return arrays


def _common(seeds: Floats, reference: int) -> list[int]:
    """Return on how many seeds of the reference each row is complete."""
    complete = np.isfinite(seeds)
    return [int(n) for n in (complete & complete[reference]).sum(axis=1)]


def with_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Add `rank` by mean ACC among the configurations in every table, and `mean_rank`.

    Both are NaN where there is one table only, or the configuration is not in all of them; or
    twice in one, so that they cannot be told apart across tables.

    Reference: Demšar, 2006, Statistical Comparisons of Classifiers over Multiple Data Sets.
    """
    named = table.assign(name=table["trial_id"].map(table.attrs["over_tables"]))
    named = named[~named["name"].isin(named["name"][named.duplicated(["table", "name"])])]
    means = named.pivot_table(index="table", columns="name", values="acc_mean", sort=False)
    means = means.dropna(axis="columns")
    if len(means) < table["table"].nunique() or len(means) < 2 or means.shape[1] < 2:
        return table.assign(rank=np.nan, mean_rank=np.nan)
    ranking = pd.DataFrame(ranks(means.to_numpy()), means.index, means.columns)
    long = ranking.melt(value_name="rank", ignore_index=False).reset_index()
    long["mean_rank"] = long["name"].map(ranking.mean())
    long = named[["table", "name", "trial_id"]].merge(long, on=["table", "name"])
    ranked = table.merge(long.drop(columns="name"), on=["table", "trial_id"], how="left")
    ranked.attrs = dict(table.attrs)
    return ranked
