"""Trials of several sweeps pooled, so that each (trial, seed) counts once.

`load` and the comparison, and through it the command line, the report and the dashboard, count
seeds by `pool_trials` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orchestrator.columns import METHOD_LABEL
from orchestrator.results.equal_values import require_equal_values
from orchestrator.results.siblings import sibling_keys

TABLE = ["benchmark", "scenario", "num_tasks"]  # equal in all rows of a table of a comparison
IN_TABLE = ["sweep", *TABLE]
CONFIGURATION = [*TABLE, "method", "trial_id"]
ALSO_IN = "also_in"
LABELLED_IN = "labelled_in"


@dataclass(frozen=True, eq=False)
class Pool:
    """Trials, each (trial, seed) once.

    Attributes:
        trials: the rows that count, in their order, with a column `also_in`: the other sweeps with
            the same (trial, seed), separated by commas.
        counts: for each row given, whether it counts.
        notes: the number of rows that do not count, and their sweeps.
    """

    trials: pd.DataFrame
    counts: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def pool_trials(
    trials: pd.DataFrame,
    folders: Mapping[str, Path] | None = None,
    computed: pd.DataFrame | None = None,
) -> Pool:
    """Return each (trial, seed, phase) once: the first of the rows with the most tasks done.

    A label that one sweep gives a configuration is that of its rows in all sweeps.

    Args:
        trials: rows of the trials table, of one sweep or several. The caller gives sweeps of one
            name in several folders different names.
        folders: sweep -> folder, for messages.
        computed: the (sweep, trial_id, seed) of which a stage was computed for that sweep, rather
            than taken from the store; None if it is not known.

    Raises:
        RepertoireError: two complete rows of one (trial, seed) have different values.
    """
    if ALSO_IN in trials:
        return Pool(trials, np.ones(len(trials), dtype=bool))
    trials = share_labels(trials, computed)
    rows = trials.reset_index(drop=True)
    key = [*CONFIGURATION, "phase", "seed"]
    if not rows.duplicated(key).any():
        return Pool(trials.assign(**{ALSO_IN: ""}), np.ones(len(rows), dtype=bool))
    number = rows.groupby(key, sort=False, dropna=False).ngroup()
    several = rows[number.duplicated(keep=False)].assign(number=number)
    require_equal_values(several, folders or {})
    ranked = several.assign(complete=several["status"] == "complete")
    # Stable, so that of equally complete rows the first one given counts.
    ranked = ranked.sort_values(
        ["complete", "tasks_done"], ascending=False, kind="stable", na_position="last"
    )
    counts = np.ones(len(rows), dtype=bool)
    counts[ranked.index[ranked["number"].duplicated()]] = False
    also_in = rows.index.map(_other_sweeps(several)).fillna("").astype(str)
    kept = trials.assign(**{ALSO_IN: also_in})[counts]
    return Pool(kept, counts, (_duplicates_note(several, int((~counts).sum())),))


def share_labels(trials: pd.DataFrame, computed: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the rows with one label for all evaluations of a configuration, of one of its sweeps.

    It is the first label that is given on any benchmark. Of two sweeps that share a seed, the one
    that had its stages from the store was run later. The column `labelled_in` names the sweep of
    the label.

    Args:
        trials: as for `pool_trials`.
        computed: as for `pool_trials`.
    """
    evaluated = trials["phase"] == "evaluation"
    labelled = (
        evaluated & trials[METHOD_LABEL].notna() if METHOD_LABEL in trials else evaluated & False
    )
    if not labelled.any() or trials["sweep"].nunique() == 1:
        return trials
    rows = trials[evaluated].reset_index(drop=True)
    rows[LABELLED_IN] = rows["sweep"].where(rows[METHOD_LABEL].notna())
    order = rows.index[_is_later(rows, computed).argsort(kind="stable")]
    by_setting = [rows[name] for name in CONFIGURATION]
    # Of two releases the same configuration may have other options.
    keys = sibling_keys(rows).groupby(by_setting, sort=False, dropna=False).transform("first")
    siblings = rows.loc[order, [METHOD_LABEL, LABELLED_IN]].groupby(keys, sort=False)
    shared = siblings.transform("first").sort_index()
    shared.index = trials.index[evaluated]
    labels = trials[METHOD_LABEL].where(~evaluated, shared[METHOD_LABEL])
    return trials.assign(**{METHOD_LABEL: labels, LABELLED_IN: shared[LABELLED_IN]})


def _is_later(rows: pd.DataFrame, computed: pd.DataFrame | None) -> NDArray[np.bool_]:
    """Return whether the sweep of each row took stages of the configuration from another sweep."""
    if computed is None:
        return np.zeros(len(rows), dtype=bool)
    own = pd.MultiIndex.from_frame(rows[list(computed)]).isin(pd.MultiIndex.from_frame(computed))
    taken = rows.duplicated([*CONFIGURATION, "seed"], keep=False) & ~own
    by_sweep = [rows[name] for name in ("sweep", *CONFIGURATION)]
    later = taken.groupby(by_sweep, sort=False, dropna=False).transform("max")
    return later.to_numpy(dtype=bool)


def _other_sweeps(several: pd.DataFrame) -> dict[Any, str]:
    names = several.groupby("number")["sweep"].agg(lambda sweeps: list(dict.fromkeys(sweeps)))
    return {
        index: ", ".join(name for name in names[number] if name != own)
        for index, number, own in several[["number", "sweep"]].itertuples()
    }


def sweeps_by_configuration(rows: pd.DataFrame) -> list[list[str]]:
    """Return for each configuration of pooled rows the sweeps that have it, in order."""
    by = [rows[name] for name in CONFIGURATION]
    groups = sweeps_by_row(rows).groupby(by, sort=False, dropna=False)
    return [list(dict.fromkeys(sweep for own in lists for sweep in own)) for _, lists in groups]


def sweeps_by_row(rows: pd.DataFrame) -> pd.Series[Any]:
    """Return for each pooled row the list of sweeps that have it, its own first."""
    return (rows["sweep"] + ", " + rows[ALSO_IN]).str.removesuffix(", ").str.split(", ")


def _duplicates_note(several: pd.DataFrame, dropped: int) -> str:
    sweeps = ", ".join(dict.fromkeys(several["sweep"]))
    rows = "row is" if dropped == 1 else "rows are"
    return f"{dropped} {rows} not counted, since several sweeps have the (trial, seed): {sweeps}"
