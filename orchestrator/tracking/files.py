"""The files of a sweep's folder, and the names its trials go by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import pandas as pd

from orchestrator.hashing import digest, digest_bytes
from orchestrator.tracking.target import TrackingError
from orchestrator.tracking.view import TrialView, leaves, view

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
        accuracy, stages = self._table(ACCURACY), self._table(STAGES)
        accuracy_of, stages_of = _by_trial(accuracy), _by_trial(stages)
        names = trial_names(self._trials)
        for trial_id, rows in _by_trial(self._trials).items():
            measured = accuracy_of.get(trial_id, accuracy.iloc[:0])
            spent = stages_of.get(trial_id, stages.iloc[:0])
            yield view(names[trial_id], rows, measured, spent, running)

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return self._table(TRIALS)

    def _table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(BytesIO(self.content[name]))


def trial_names(trials: pd.DataFrame) -> dict[str, str]:
    """Name each trial by its method and what varies within it, `ewc lam=1000`; by id if need be."""
    first = trials.drop_duplicates("trial_id").set_index("trial_id")
    names: dict[str, str] = {}
    for _, rows in first.groupby("method", sort=False):
        configs = {str(trial): leaves(json.loads(text)) for trial, text in rows["config"].items()}
        keys = dict.fromkeys(key for config in configs.values() for key in config)
        varying = [key for key in keys if len({c.get(key) for c in configs.values()}) > 1]
        for trial, config in configs.items():
            settings = [_setting(key, config[key]) for key in varying if key in config]
            search = ["search"] if rows.at[trial, "phase"] == "search" else []
            names[trial] = " ".join([str(rows.at[trial, "method"]), *settings, *search])
    # Values equal to six digits would give equal names.
    used = list(names.values())
    return {t: name if used.count(name) == 1 else f"{name} {t}" for t, name in names.items()}


def _setting(key: str, text: str) -> str:
    with suppress(ValueError):
        text = f"{float(text):g}"
    return f"{key.removeprefix('method.')}={text}"


def _by_trial(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(trial): rows for trial, rows in table.groupby("trial_id", sort=False)}
