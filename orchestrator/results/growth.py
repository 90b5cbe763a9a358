"""Growth of costs with the number of tasks, and what it comes to after more of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, isnan

import numpy as np
import pandas as pd

from orchestrator.columns import MEANS, MEANS_FLOPS, STORAGE_BOUND
from orchestrator.results.intervals import Floats

# Up to this share of their mean, the last values differ as tasks do (in their numbers of examples).
STEADY = 0.05
LEAST = 3  # tasks that a line goes through
ROUNDING = 1e-9  # of a line
# The budget of a cost, where a dial of it was solved for; NaN: none was.
LIMITS = {"storage_bytes": "storage_limit_bytes", "compute_flops": "compute_limit_flops"}
FIXED = "storage_fixed_bytes"  # without the memory that is solved for
MEMORY_DIAL = '"method.'  # begins the name of a memory's size in `means_dial`
STEPS_DIAL = '"training.iterations"'


@dataclass(frozen=True)
class Growth:
    """A cost as a function of the number of tasks: `min(start + slope * T, most)`, or `least`.

    Attributes:
        kind: "constant"; "falling", which is taken for constant at its last value; "linear"; or
            "not linear", a line that is off by more than 5 %.
        start: the constant part.
        slope: growth per task; 0 for a constant cost.
        tasks: number of the last tasks that it goes through.
        misfit: largest distance from these, as a share of their mean.
        most: what the cost never exceeds, but by `least`; None: there is no bound.
        least: of what no dial bounds, which grows beyond any budget; None: nothing such grows.
    """

    kind: str
    start: float
    slope: float
    tasks: int
    misfit: float
    most: float | None = None
    least: Growth | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether the cost never exceeds `most`."""
        return self.most is not None and self.least is None

    def cost(self, num_tasks: float) -> float:
        """Return the cost with a number of tasks."""
        line = self.start + self.slope * num_tasks
        bounded = line if self.most is None else min(line, self.most)
        return bounded if self.least is None else max(bounded, self.least.cost(num_tasks))

    def num_tasks_above(self, limit: float) -> int | None:
        """Return the fewest tasks whose cost is above a limit; None if it never is."""
        if not self.slope or (self.most is not None and self.most <= limit):
            return None if self.least is None else self.least.num_tasks_above(limit)
        # 1e-9, since a quotient may fall short of a whole number.
        return max(1, floor((limit - self.start) / self.slope + 1e-9) + 1)

    def find_bends(self, first: float, last: float) -> list[float]:
        """Return where the cost bends between two numbers of tasks, in order."""
        bends = []
        if self.slope and self.most is not None:
            bends.append((self.most - self.start) / self.slope)
        if self.least is not None:
            most = self.start if self.most is None or not self.slope else self.most
            bends.append((most - self.least.start) / self.least.slope)
        return sorted(each for each in bends if first < each < last)


def storage_limits(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the bytes of the budget for rows of MEANS, where a memory is solved for."""
    storage, _, dial = (rows[name] for name in MEANS)
    return storage.astype(float).where(dial.astype(str).str.contains(MEMORY_DIAL, regex=False))


def compute_limits(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the FLOPs of the budget for rows of MEANS and MEANS_FLOPS, where steps are."""
    steps = rows[MEANS[2]].astype(str).str.contains(STEPS_DIAL, regex=False)
    return rows[MEANS_FLOPS].astype(float).where(steps)


def fit_cost(rows: pd.DataFrame, column: str) -> Growth:
    """Return the growth of a cost of one configuration.

    Args:
        rows: `after`, the costs, FIXED, STORAGE_BOUND and the columns of LIMITS, a row per task.
        column: the cost.
    """
    rows = rows.sort_values("after")
    limit, bound = (float(rows[name].mean()) for name in (LIMITS[column], STORAGE_BOUND))
    most = None if isnan(limit) else limit
    if column != "storage_bytes":
        full = select_full(rows)
        return fit_growth(full[column].to_numpy(float), most, len(rows) - len(full))
    values = rows[column].to_numpy(float)
    if not isnan(bound):
        return fit_growth(values, bound)
    growth = fit_growth(values, most)
    if most is None:
        return growth
    # What a method carries beside its memory may grow: columns of a network, say.
    least = fit_growth(rows[FIXED].to_numpy(float))
    return replace(growth, least=least) if least.slope > 0 else growth


def select_full(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the tasks that were learned with a memory that was full, if there are two, or all.

    While it fills a task costs more than the last one, and afterwards no more for that. A memory is
    full if it takes as much after several tasks; of two, what is learned last fills it too.

    Args:
        rows: as of `fit_cost`, in the order of the tasks.
    """
    memory = (rows["storage_bytes"] - rows[FIXED]).to_numpy(float)
    differ = np.flatnonzero(memory != memory[-1])
    full = len(memory) - (differ[-1] + 1 if len(differ) else 0)
    if not memory[-1] > 0 or full < 2:
        return rows
    return rows[-max(full - 1, 2) :]


def fit_growth(values: Floats, most: float | None = None, before: int = 0) -> Growth:
    """Return the growth of a cost by its values at the last of T tasks.

    They are the last half, at least three. If they differ by at most 5 % of their mean, the cost is
    constant: their mean. If it falls, its last value is taken, since no cost falls below 0 with
    enough tasks. Otherwise it is the line of least squares through them.

    Args:
        values: the cost with `before` + 1 to T tasks, at least one.
        most: what the cost never exceeds with more tasks: a memory that is not full yet grows until
            it is. What was measured counts if it is more.
        before: the tasks that are left out.
    """
    most = None if most is None else max(most, float(np.max(values)))
    used = min(len(values), max(LEAST, ceil(len(values) / 2)))
    last = np.asarray(values[-used:], dtype=float)
    mean = float(last.mean())
    if used < 2 or np.ptp(last) <= STEADY * abs(mean):
        return Growth("constant", mean, 0.0, used, share(last - mean, mean), most)
    tasks = before + np.arange(len(values) - used, len(values)) + 1.0
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
