"""Which of many configurations a page shows at first."""

from __future__ import annotations

from typing import Any

import pandas as pd


def first_choice(rows: pd.DataFrame, num: int) -> list[Any]:
    """Return the index of the rows to show first: the best of each method by ACC.

    Then the second best of each, and so on; in the order of the rows.
    """
    best = rows.sort_values("acc_mean", ascending=False, kind="stable")
    place = best.groupby("method", sort=False).cumcount()
    chosen = set(place.sort_values(kind="stable").index[:num])
    return [index for index in rows.index if index in chosen]
