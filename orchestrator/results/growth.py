"""Growth of costs with the number of tasks, and what it comes to after more of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import pandas as pd

from orchestrator.columns import MEANS
from orchestrator.results.intervals import Floats

# Up to this share of their mean, the last values differ as tasks do (in their numbers of examples).
STEADY = 0.05
LEAST = 3  # tasks that a line goes through
ROUNDING = 1e-9  # of a line
# Bytes that a method with a storage dial carries at most; NaN: it has none.
LIMIT = "storage_limit_bytes"
MEMORY_DIAL = '"method.'  # begins the name of a memory's size in `means_dial`


@dataclass(frozen=True)
class Growth:
    """A cost as a function of the number of tasks: `min(start + slope * T, most)`.

    Attributes:
        kind: "constant"; "falling", which is taken for constant at its last value; "linear"; or
            "not linear", a line that is off by more than 5 %.
        start: the constant part.
        slope: growth per task; 0 for a constant cost.
        tasks: number of the last tasks that it goes through.
        misfit: largest distance from these, as a share of their mean.
        most: what the cost never exceeds; None: there is no bound.
    """

    kind: str
    start: float
    slope: float
    tasks: int
    misfit: float
    most: float | None = None

    def cost(self, num_tasks: float) -> float:
        """Return the cost with a number of tasks."""
        line = self.start + self.slope * num_tasks
        return line if self.most is None else min(line, self.most)

    def num_tasks_above(self, limit: float) -> int | None:
        """Return the fewest tasks whose cost is above a limit; None if it never is."""
        if not self.slope or (self.most is not None and self.most <= limit):
            return None
        # 1e-9, since a quotient may fall short of a whole number.
        return max(1, floor((limit - self.start) / self.slope + 1e-9) + 1)

    def find_bend(self, first: float, last: float) -> tuple[float, ...]:
        """Return, as 0 or 1 values, where the line meets `most` between two numbers of tasks."""
        if not self.slope or self.most is None:
            return ()
        at = (self.most - self.start) / self.slope
        return (at,) if first < at < last else ()


def memory_limits(rows: pd.DataFrame) -> pd.Series[float]:
    """Return LIMIT for rows with the columns of MEANS: the budget, where a memory is solved for."""
    storage, _, dial = (rows[name] for name in MEANS)
    return storage.astype(float).where(dial.astype(str).str.contains(MEMORY_DIAL, regex=False))


def fit_cost(rows: pd.DataFrame, column: str) -> Growth:
    """Return the growth of a cost of one configuration.

    Args:
        rows: `after`, LIMIT and the cost, a row per task.
        column: the cost; LIMIT bounds "storage_bytes".
    """
    limit = rows[LIMIT].iloc[0] if column == "storage_bytes" else None
    most = None if pd.isna(limit) else float(limit)
    return fit_growth(rows.sort_values("after")[column].to_numpy(float), most)


def fit_growth(values: Floats, most: float | None = None) -> Growth:
    """Return the growth of a cost by its values at the last of T tasks.

    They are the last half, at least three. If they differ by at most 5 % of their mean, the cost is
    constant: their mean. If it falls, its last value is taken, since no cost falls below 0 with
    enough tasks. Otherwise it is the line of least squares through them.

    Args:
        values: the cost with 1 to T tasks [T], at least one.
        most: what the cost never exceeds with more tasks: a memory that is not full yet grows until
            it is. What was measured counts if it is more.
    """
    most = None if most is None else max(most, float(np.max(values)))
    used = min(len(values), max(LEAST, ceil(len(values) / 2)))
    last = np.asarray(values[-used:], dtype=float)
    mean = float(last.mean())
    if used < 2 or np.ptp(last) <= STEADY * abs(mean):
        return Growth("constant", mean, 0.0, used, share(last - mean, mean), most)
    tasks = np.arange(len(values) - used, len(values)) + 1.0
    # To twelve digits, which rounding does not reach.
    slope, start = (float(f"{each:.12g}") for each in np.polyfit(tasks, last, 1))
    start = 0.0 if abs(start) < ROUNDING * abs(slope) else start
    if slope <= 0:
        return Growth("falling", float(last[-1]), 0.0, used, share(last - last[-1], mean), most)
    misfit = share(last - start - slope * tasks, mean)
    kind = "linear" if misfit <= STEADY else "not linear"
    return Growth(kind, start, slope, used, misfit, most)


def share(distances: Floats, mean: float) -> float:
    """Return the largest of some distances as a share of a mean; 0 if that is 0."""
    return float(np.abs(distances).max() / abs(mean)) if mean else 0.0
