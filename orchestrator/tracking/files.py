"""The files of a sweep's folder, and the names its trials go by in MLflow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import pandas as pd

from orchestrator.hashing import digest, digest_bytes
from orchestrator.tracking.target import TrackingError
from orchestrator.tracking.view import TrialView, leaves, trial_view

@dataclass(frozen=True)
class SweepFiles:
    """The files of a sweep's folder, read once so that their digest and their content belong together."""

    folder: Path
    content: Mapping[str, bytes]

    @staticmethod
    def read(folder: Path) -> SweepFiles:
        """Read the tables and the documents in `folder`.

        Raises:
            TrackingError: a table is not there.
        """
        missing = [name for name in TABLES if not (folder / name).is_file()]
        if missing:
            raise TrackingError(
                f"{folder} has no {missing[0]}, so there is nothing to send; `repertoire run` writes it"
            )
        names = [*TABLES, *(name for name in DOCUMENTS if (folder / name).is_file())]
        return SweepFiles(folder, {name: (folder / name).read_bytes() for name in names})

    @cached_property
    def digest(self) -> str:
        """One digest for all the files, the column with MLflow's own run ids aside."""
        digests = {name: digest_bytes(data) for name, data in self.content.items()}
        without_ids = self._table(TRIALS).drop(columns="mlflow_run_id", errors="ignore")
        return digest(
            "tracked files", digests | {TRIALS: digest_bytes(without_ids.to_json().encode())}
        )

    @property
    def documents(self) -> dict[str, bytes]:
        """The sweep file and the versions it ran with, as far as they are there."""
        return {name: self.content[name] for name in DOCUMENTS if name in self.content}

    @cached_property
    def sweep(self) -> str:
        """The sweep's name."""
        trials = self._table(TRIALS)
        return str(trials["sweep"].iloc[0]) if len(trials) else self.folder.name

    def trials(self, running: bool = False) -> Iterator[TrialView]:
        """Yield the trials in the order of the table.

        Args:
            running: the sweep goes on, so that a trial that is not complete may yet be.
        """
        trials, accuracy, stages = (self._table(name) for name in TABLES)
        names = trial_names(trials)
        rows = {
            name: dict(list(table.groupby("trial_id")))
            for name, table in (("R", accuracy), ("costs", stages))
        }
        for trial_id, seeds in trials.groupby("trial_id", sort=False):
            measured = rows["R"].get(trial_id, accuracy.iloc[:0])
            yield _trial(
                names[str(trial_id)],
                seeds,
                measured,
                rows["costs"].get(trial_id, stages.iloc[:0]),
                running,
            )

    def _table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(BytesIO(self.content[name]))


def trial_names(trials: pd.DataFrame) -> dict[str, str]:
    """Name each trial by its method and what sets it apart from the method's others: `ewc lam=1000`."""
    names: dict[str, str] = {}
    for method, group in trials.drop_duplicates("trial_id").groupby("method", sort=False):
        configs = pd.DataFrame(
            [leaves(json.loads(config)) for config in group["config"]], index=group["trial_id"]
        )
        varied = [key for key in configs if configs[key].nunique(dropna=False) > 1]
        for trial_id, phase in zip(group["trial_id"], group["phase"], strict=True):
            settings = [
                f"{key.rpartition('.')[2]}={_short(configs.loc[trial_id, key])}" for key in varied
            ]
            words = [str(method), *settings, *(["search"] if phase == "search" else [])]
            names[str(trial_id)] = " ".join(words)
    return names


def _short(text: object) -> str:
    try:
        return f"{float(str(text)):g}"
    except ValueError:
        return str(text)


