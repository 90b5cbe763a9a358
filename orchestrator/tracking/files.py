"""The files of a sweep's folder, and the names its trials go by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import pandas as pd

from orchestrator.hashing import digest, digest_bytes
from orchestrator.results.naming import labels
from orchestrator.tracking.target import TrackingError
from orchestrator.tracking.view import TrialView, view

TRIALS, ACCURACY, STAGES = "trials.parquet", "accuracy.parquet", "stages.parquet"
DOCUMENTS = ("sweep.yaml", "versions.json")


@dataclass(frozen=True)
class SweepFiles:
    """A folder's files, read once so that their digest and their content belong together."""

    folder: Path
    content: Mapping[str, bytes]

    @staticmethod
    def read(folder: Path) -> SweepFiles:
        """Read the tables and the documents in `folder`.

        Raises:
            TrackingError: a table is not there.
        """
        # Trials first: a table rewritten in between is then newer than what the trials promise.
        tables = (TRIALS, ACCURACY, STAGES)
        missing = [name for name in tables if not (folder / name).is_file()]
        if missing:
            raise TrackingError(f"{folder} has no {missing[0]}; write it: repertoire run SWEEP")
        names = [*tables, *(name for name in DOCUMENTS if (folder / name).is_file())]
        return SweepFiles(folder, {name: (folder / name).read_bytes() for name in names})

    @cached_property
    def digest(self) -> str:
        """One digest for all the files, the column with MLflow's own run ids aside."""
        digests = {name: digest_bytes(data) for name, data in self.content.items()}
        rows = self._trials.drop(columns="mlflow_run_id").to_json(double_precision=15)
        return digest("tracked files", digests | {TRIALS: digest_bytes(rows.encode())})

    @property
    def documents(self) -> dict[str, bytes]:
        """The sweep file and the versions it ran with, as far as they are there."""
        return {name: self.content[name] for name in DOCUMENTS if name in self.content}

    @property
    def sweep(self) -> str:
        """The sweep's name."""
        return str(self._trials["sweep"].iloc[0]) if len(self._trials) else self.folder.name

    def views(self, running: bool = False) -> Iterator[TrialView]:
        """Yield the trials in the order of the table; `running`: the sweep goes on."""
        accuracy, stages = _by_trial(self._table(ACCURACY)), _by_trial(self._table(STAGES))
        nothing = {"accuracy": self._table(ACCURACY)[:0], "stages": self._table(STAGES)[:0]}
        names = trial_names(self._trials)
        # A candidate of a search that won is evaluated too: one trial, two runs.
        phases = self._trials.groupby(["trial_id", "phase"], sort=False)
        for (trial_id, phase), rows in phases:
            measured = accuracy.get(str(trial_id), nothing["accuracy"])
            spent = stages.get(str(trial_id), nothing["stages"])
            measured, spent = (part[part["seed"].isin(rows["seed"])] for part in (measured, spent))
            yield view(names[str(trial_id), str(phase)], rows, measured, spent, running)

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return self._table(TRIALS)

    def _table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(BytesIO(self.content[name]))


def trial_names(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Name each (trial id, phase) by its method and what varies within it: `ewc lam=1000`."""
    first = trials.drop_duplicates(["trial_id", "phase"])
    config = [name for name in first.columns if name.startswith("config.")]
    keys = zip(first["trial_id"], first["phase"], strict=True)
    searched = ["" if phase == "evaluation" else f" {phase}" for phase in first["phase"]]
    names = labels(first, "method", config, within=())
    return dict(zip(keys, map("".join, zip(names, searched, strict=True)), strict=True))


def _by_trial(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(trial): rows for trial, rows in table.groupby("trial_id", sort=False)}
