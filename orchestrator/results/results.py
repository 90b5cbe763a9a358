"""Results: the tables of one sweep or of several, as data frames.

`collect.py` computes the tables from the store, `tables.py` writes and reads them. They can be
computed again from the same store at any time, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from orchestrator.columns import METRICS, compute_flops
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.cells import build_r
from orchestrator.results.identity import common_trial_ids
from orchestrator.results.metrics import R, accuracy_seen
from orchestrator.results.naming import match_id
from orchestrator.results.pareto import DEFAULT_METRICS, front_mask
from orchestrator.results.pooling import ALSO_IN, SETTING, average_configurations, pool_trials
from orchestrator.results.tables import (
    Tables,
    distinct_names,
    read_tables,
    sweep_folders,
    with_config_columns,
)
from orchestrator.sweep.objective import Mode


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
            UnknownName: there is no such trial or seed.
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
            UnknownName: there is no such trial or seed.
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
        trial = self._select_trial(trial_id, seed, sweep)
        of_trial = _is_trial(self.accuracy, trial["trial_id"], seed, trial["sweep"])
        cells = self.accuracy[of_trial & (self.accuracy["split"] == split)]
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
        """
        trials = self.trials
        done = trials[(trials["phase"] == "evaluation") & (trials["status"] == "complete")]
        done = done.assign(compute_flops=compute_flops(done))
        table = average_configurations(done, metrics)
        return table[front_mask(table, metrics, modes, SETTING[1:])].reset_index(drop=True)


def load(*folders: str | Path) -> Results:
    """Return the results of sweep folders, or of folders of sweep folders, as one.

    Each (trial, seed) has one row; the column `also_in` names the other sweeps that have it. Sweeps
    of one name in several folders get different names.

    Raises:
        RepertoireError: a folder has no tables, a table is damaged, or two folders have different
            values of one (trial, seed).
    """
    paths = [path for folder in folders for path in sweep_folders(Path(folder))]
    paths = list({path.resolve(): path for path in paths}.values())
    parts = [read_tables(path) for path in paths]
    names = distinct_names(list(map(_sweep_name, parts, paths)), paths)
    parts = [_rename_sweep(part, name) for part, name in zip(parts, names, strict=True)]
    parts = _rename_trials(parts)
    trials = pa.concat_tables([part.trials for part in parts])
    pool = pool_trials(trials.to_pandas(), dict(zip(names, paths, strict=True)))
    # The types of config.* depend on all values, so they are chosen for the rows that are kept.
    kept = with_config_columns(trials.filter(pa.array(pool.counts))).to_pandas()
    accuracy = pa.concat_tables([part.accuracy for part in parts]).to_pandas()
    stages = pa.concat_tables([part.stages for part in parts]).to_pandas()
    if not pool.counts.all():
        out = trials.filter(pa.array(~pool.counts)).to_pandas()
        accuracy, stages = _drop_trials(accuracy, out), _drop_trials(stages, out)
    also_in = pool.trials[ALSO_IN].to_numpy()
    return Results(kept.assign(**{ALSO_IN: also_in}), accuracy, stages, pool.notes)


def _sweep_name(tables: Tables, folder: Path) -> str:
    return str(tables.trials["sweep"][0]) if len(tables.trials) else folder.name


def _rename_sweep(tables: Tables, sweep: str) -> Tables:
    """Return the tables under another name of the sweep."""
    if not len(tables.trials) or str(tables.trials["sweep"][0]) == sweep:
        return tables
    return Tables(*(_replace_sweep(table, sweep) for table in vars(tables).values()))


def _replace_sweep(table: pa.Table, sweep: str) -> pa.Table:
    at = table.schema.get_field_index("sweep")
    return table.set_column(at, "sweep", pa.array([sweep] * len(table), pa.string()))


def _rename_trials(parts: list[Tables]) -> list[Tables]:
    """Return the tables of several sweeps with equal ids for equal configurations."""
    columns = [part.trials.select(["sweep", "trial_id", "config"]) for part in parts]
    names = common_trial_ids(pa.concat_tables(columns).to_pandas()) if len(parts) > 1 else {}
    if not names:
        return parts
    return [
        Tables(*(_replace_ids(table, names) for table in vars(part).values())) for part in parts
    ]


def _replace_ids(table: pa.Table, names: Mapping[tuple[str, str], str]) -> pa.Table:
    pairs = zip(table["sweep"].to_pylist(), table["trial_id"].to_pylist(), strict=True)
    ids = [names.get(pair, pair[1]) for pair in pairs]
    at = table.schema.get_field_index("trial_id")
    return table.set_column(at, "trial_id", pa.array(ids, pa.string()))


def _drop_trials(table: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table without those of the (sweep, trial, seed) in `out`."""
    key = ["sweep", "trial_id", "seed"]
    dropped = pd.MultiIndex.from_frame(table[key]).isin(pd.MultiIndex.from_frame(out[key]))
    return table[~dropped].reset_index(drop=True)


def _is_trial(table: pd.DataFrame, trial_id: str, seed: int, sweep: str | None) -> pd.Series[bool]:
    rows = (table["trial_id"] == trial_id) & (table["seed"] == seed)
    return rows if sweep is None else rows & (table["sweep"] == sweep)
