"""What a comparison says beyond its rows: how they differ on common seeds, and how they rank."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from orchestrator.errors import UnknownName
from orchestrator.results.comparison import evaluated
from orchestrator.results.naming import with_id
from orchestrator.results.results import METRICS, Results
from orchestrator.results.statistics import difference, holm, ranks

NAMES = {"mean": "diff", "low": "diff_low", "high": "diff_high", "p": "p", "p_holm": "p_holm"}
BySeed = dict[tuple[Hashable, ...], pd.DataFrame]  # (sweep, trial id) -> metrics by seed
# A configuration's metrics by seed, and those of the one it is held against on the same seeds.
Sides = tuple[pd.DataFrame, pd.DataFrame]


def with_differences(
    results: Results, table: pd.DataFrame, against: str | None = None
) -> pd.DataFrame:
    """Add to a comparison how much each row differs from one row of its table, on common seeds.

    New columns: `against` (the label it is held against), `against_best` (none was named, so that
    is the row of the largest mean ACC), `n_common` seeds, and of each metric `_diff`, `_diff_low`,
    `_diff_high` (95% bootstrap interval), `_p` (paired t-test) and `_p_holm` (corrected for the
    number of rows of the table). See `orchestrator.results.statistics`.

    Args:
        results: that the comparison was made from.
        table: the comparison.
        against: label or trial id of the row to hold the others against; a table without it has
            nulls.

    Raises:
        UnknownName: no table has such a row.
    """
    named = (table["label"] == against) | with_id(table["trial_id"], against or "")
    if against is not None and not named.any():
        raise UnknownName("row to compare against", against, table["label"].unique())
    by_seed: BySeed = {
        row: rows.set_index("seed")[list(METRICS)]
        for row, rows in evaluated(results.trials).groupby(["sweep", "trial_id"], sort=False)
    }
    parts = []
    for _, rows in table.groupby("table", sort=False):
        if against is None:
            best = rows.nlargest(1, "acc_mean").index
        else:
            best = rows.index[named[rows.index]]
        if len(best):
            parts.append(_held_against(rows, int(best[0]), by_seed))
    made = pd.concat(parts) if parts else pd.DataFrame(index=table.index)
    joined = table.join(made.assign(against_best=against is None))
    joined.attrs = dict(table.attrs)  # what is left out, and why tables are apart
    return joined


def _held_against(rows: pd.DataFrame, baseline: int, by_seed: BySeed) -> pd.DataFrame:
    """Return the columns of differences of a table's rows from the one at index `baseline`."""
    own = [by_seed[row] for row in zip(rows["sweep"], rows["trial_id"], strict=True)]
    base = own[list(rows.index).index(baseline)]
    sides = [mine.align(base, join="inner", axis=0) for mine in own]
    made = {"against": rows.at[baseline, "label"], "n_common": [len(mine) for mine, _ in sides]}
    parts = [_differences(metric, sides, rows.index, baseline) for metric in METRICS]
    return pd.concat([pd.DataFrame(made, index=rows.index), *parts], axis="columns")


def _differences(
    metric: str, sides: list[Sides], index: pd.Index[int], baseline: int
) -> pd.DataFrame:
    pairs = ((own[metric].to_numpy(float), base[metric].to_numpy(float)) for own, base in sides)
    found = pd.DataFrame([vars(difference(*pair)) for pair in pairs], index=index)
    found.loc[baseline] = np.nan
    found["p_holm"] = holm(found["p"].tolist())
    return found.rename(columns=NAMES)[list(NAMES.values())].add_prefix(f"{metric}_")


def with_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Add `rank` by mean ACC among the rows whose label is in every table, and `mean_rank`.

    Both are NaN where there is one table only, or the label is not in all of them.

    Reference: Demšar, 2006, Statistical Comparisons of Classifiers over Multiple Data Sets.
    """
    means = table.pivot_table(index="table", columns="label", values="acc_mean", sort=False)
    means = means.dropna(axis="columns")
    if len(means) < 2 or means.shape[1] < 2:
        return table.assign(rank=np.nan, mean_rank=np.nan)
    found = pd.DataFrame(ranks(means.to_numpy()), means.index, means.columns)
    long = found.melt(value_name="rank", ignore_index=False).reset_index()
    long["mean_rank"] = long["label"].map(found.mean())
    ranked = table.merge(long, on=["table", "label"], how="left")
    ranked.attrs = dict(table.attrs)
    return ranked
