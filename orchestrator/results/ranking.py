"""Ranks of configurations over the tables of a comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestrator.results.statistics import (
    ranks,
)


def with_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Add `rank` by mean ACC among the configurations in every table, and `mean_rank`.

    Both are NaN if there is one table only, or if the configuration is not in all tables, or if a
    table has two rows of its name.

    Reference: Demšar, 2006, Statistical Comparisons of Classifiers over Multiple Data Sets.
    """
    rows = table.assign(name=table["trial_id"].map(table.attrs["over_tables"]))
    # Two rows of one name in a table have no single rank, so the name has none in any table.
    rows = rows[~rows["name"].isin(rows["name"][rows.duplicated(["table", "name"])])]
    means = rows.pivot_table(index="table", columns="name", values="acc_mean", sort=False)
    means = means.dropna(axis="columns")  # those that are not in every table
    if len(means) < table["table"].nunique() or len(means) < 2 or means.shape[1] < 2:
        return table.assign(rank=np.nan, mean_rank=np.nan)
    ranking = pd.DataFrame(ranks(means.to_numpy()), means.index, means.columns)
    long = ranking.melt(value_name="rank", ignore_index=False).reset_index()
    long["mean_rank"] = long["name"].map(ranking.mean())
    long = rows[["table", "name", "trial_id"]].merge(long, on=["table", "name"])
    ranked = table.merge(long.drop(columns="name"), on=["table", "trial_id"], how="left")
    ranked.attrs = dict(table.attrs)
    return ranked
