"""Results: the tables of one sweep or of several, as data frames.

`collect.py` computes the tables from the store, `tables.py` writes and reads them. They can be
computed again from the same store at any time, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.columns import METRICS, compute_flops
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.averages import average_configurations
from orchestrator.results.metrics import R, accuracy_seen
from orchestrator.results.names.trial_ids import match_id
from orchestrator.results.pareto import DEFAULT_METRICS, front_mask, require_numbers
from orchestrator.results.pooling import IN_TABLE
from orchestrator.results.r_matrix import build_r
from orchestrator.results.tables.schemas import SPLITS
from orchestrator.sweep.objective.objective_text import Mode


@dataclass(frozen=True, eq=False)
class Results:
    """The tables of one sweep or of several, as data frames.

    Attributes:
        trials, accuracy, stages: the tables; each (trial, seed) once.
        notes: on rows that were left out, since several sweeps have them.
    """

    trials: pd.DataFrame
    accuracy: pd.DataFrame
    stages: pd.DataFrame
    notes: tuple[str, ...] = ()

    def r_matrix(
        self, trial_id: str, seed: int, split: str = "test", sweep: str | None = None
    ) -> R:
        """Return R [T+1, T] of a trial on a seed; NaN where no accuracy was measured.

        Args:
            trial_id: id of the trial.
            seed: one of its seeds.
            split: "test" or "validation".
            sweep: name of the sweep, if several have the trial.

        Raises:
            UnknownName: there is no such trial, seed or split.
            RepertoireError: several sweeps have the trial, and `sweep` is None.
        """
        return self._read_r(trial_id, seed, split, sweep)[0]

    def incremental_accuracy(
        self, trial_id: str, seed: int, split: str = "test", sweep: str | None = None
    ) -> pd.DataFrame:
        """Return the accuracy on the tasks seen, after each task.

        Columns: `after` 1..T; `by_task`, each task counting alike, of which
        `average_incremental_accuracy` is the mean; `by_example`, each example counting alike, as
        papers on class-incremental learning have it.

        Args:
            trial_id: id of the trial.
            seed: one of its seeds.
            split: "test" or "validation".
            sweep: name of the sweep, if several have the trial.

        Raises:
            UnknownName: there is no such trial, seed or split.
            RepertoireError: several sweeps have the trial, and `sweep` is None.
        """
        r, sizes = self._read_r(trial_id, seed, split, sweep)
        by_task, by_example = accuracy_seen(r), accuracy_seen(r, sizes)
        after = range(1, len(by_task) + 1)
        return pd.DataFrame({"after": after, "by_task": by_task, "by_example": by_example})

    def _read_r(
        self, trial_id: str, seed: int, split: str, sweep: str | None
    ) -> tuple[R, NDArray[np.float64]]:
        """Return R [T+1, T], and the number of examples of each task [T]."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        trial = self._select_trial(trial_id, seed, sweep)
        of_trial = _is_trial(self.accuracy, trial["trial_id"], seed, trial["sweep"])
        cells = self.accuracy[of_trial & (self.accuracy["split"] == split)]
        # n is 0 where the split was not measured, and the same in all other cells of a task.
        sizes = cells.groupby("task")["n"].max().to_numpy(dtype=np.float64)
        return build_r(cells["after"], cells["task"], cells["accuracy"], trial["num_tasks"]), sizes

    def _select_trial(self, trial_id: str, seed: int, sweep: str | None) -> pd.Series[Any]:
        trial = self.trials[match_id(self.trials["trial_id"], trial_id)]
        if trial.empty:
            raise UnknownName("trial", trial_id, self.trials["trial_id"].unique())
        trial_id = trial["trial_id"].iloc[0]
        matching = trial[_is_trial(trial, trial_id, seed, sweep)]
        if matching.empty:
            raise UnknownName(
                f"seed of trial {trial_id}", str(seed), trial["seed"].astype(str).unique()
            )
        if matching["sweep"].nunique() > 1:
            names = ", ".join(sorted(matching["sweep"].unique()))
            raise RepertoireError(
                f"trial {trial_id} seed {seed} is in several sweeps: {names}; pass sweep="
            )
        return matching.iloc[0]

    def summary(self) -> pd.DataFrame:
        """Return a row per trial with the mean and spread of each metric over its complete seeds.

        The columns are those of `average_over_seeds`. Trials without a complete seed have no row.
        """
        done = self.trials[self.trials["status"] == "complete"]
        return average_configurations(done, METRICS, ["phase"])

    def pareto(
        self, metrics: Sequence[str] = DEFAULT_METRICS, modes: Sequence[Mode] | None = None
    ) -> pd.DataFrame:
        """Return the trials on the Pareto front of their setting, a row each.

        Args:
            metrics: columns of `trials`, or "compute_flops", those of training and consolidation.
            modes: "max" or "min" for each; None: "min" for costs and forgetting, else "max".

        Raises:
            RepertoireError: a metric is a column without numbers.
        """
        trials = self.trials
        done = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
        done = done.assign(compute_flops=compute_flops(done))
        require_numbers(done, metrics)
        table = average_configurations(done, metrics)
        return table[front_mask(table, metrics, modes, IN_TABLE[1:])].reset_index(drop=True)


def _is_trial(table: pd.DataFrame, trial_id: str, seed: int, sweep: str | None) -> pd.Series[bool]:
    rows = (table["trial_id"] == trial_id) & (table["seed"] == seed)
    return rows if sweep is None else rows & (table["sweep"] == sweep)
