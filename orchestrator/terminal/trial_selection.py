"""The trial of a page, and its seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.lookup import find_configuration
from orchestrator.results.metrics import R
from orchestrator.results.pooling import CONFIGURATION, pool_trials
from orchestrator.results.results import Results
from orchestrator.results.tables.schemas import SPLITS
from orchestrator.results.winners import winner_hyperparameters


@dataclass(frozen=True)
class TrialSelection:
    """A trial and the seeds to show.

    Attributes:
        label: its label.
        won_by: the hyperparameters that a search chose; empty without a search.
        seeds: the row of each seed in the trials table.
        split: "test" or "validation".
        matrices: R of each seed, shape [S, T+1, T].
    """

    label: str
    won_by: str
    seeds: pd.DataFrame
    split: str
    matrices: R

    @property
    def is_complete(self) -> list[bool]:
        """Whether each seed is complete."""
        return [status == "complete" for status in self.seeds["status"]]

    @property
    def averaged_seeds(self) -> list[int]:
        """The indices of the seeds to average: the complete ones, or all if none is complete."""
        return [i for i, ok in enumerate(self.is_complete) if ok or not any(self.is_complete)]

    @property
    def mean(self) -> R:
        """R [T+1, T], the mean over `averaged_seeds` of what was measured."""
        # Masked, since nanmean warns where no seed has the cell.
        measured = np.ma.masked_invalid(self.matrices[self.averaged_seeds])
        return np.asarray(measured.mean(axis=0).filled(np.nan))


def select_trial(
    results: Results,
    name: str,
    seed: int | None,
    split: str | None,
    scenario: str | None = None,
) -> TrialSelection:
    """Return the trial with a name; see `trial_page`."""
    wanted = find_configuration(results, name, scenario)
    label, trials = str(wanted["label"]), pool_trials(results.trials).trials
    rows = trials[(trials[CONFIGURATION] == wanted[CONFIGURATION]).all(axis="columns")]
    if seed is not None:
        if seed not in set(rows["seed"]):
            raise UnknownName(f"seed of {label}", str(seed), rows["seed"].astype(str))
        rows = rows[rows["seed"] == seed]
    evaluated = rows["phase"] == "evaluation"
    # A winner has rows of both phases, and those of the evaluation are its result.
    rows = rows[evaluated] if evaluated.any() else rows
    split = _choose_split(split, label, searched=rows["phase"].iloc[0] == "search")
    matrices = [
        results.r_matrix(trial_id, int(each), split, sweep)
        for sweep, trial_id, each in zip(rows["sweep"], rows["trial_id"], rows["seed"], strict=True)
    ]
    won_by = winner_hyperparameters(trials, results.stages).get(tuple(wanted[CONFIGURATION]), "")
    return TrialSelection(label, won_by, rows, split, np.stack(matrices))


def _choose_split(split: str | None, label: str, searched: bool) -> str:
    split = split or ("validation" if searched else "test")
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if searched and split == "test":
        raise RepertoireError(
            f"{label} is a candidate of a search, which has validation figures alone: "
            "--split validation"
        )
    return split
