"""The files of a sweep's folder, and the names of its trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from platform import node

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.hashing import digest, digest_bytes
from orchestrator.results.names.naming import labels
from orchestrator.results.tables.sizes import find_excess
from orchestrator.tracking.rows import CHAIN_KEY, Rows, SeedRows
from orchestrator.tracking.target import Target, TrackingError
from orchestrator.tracking.trial_run import LOGGED_COSTS, TrialRun
from orchestrator.tracking.trial_runs import build_trial_run

TRIALS, ACCURACY, STAGES = "trials.parquet", "accuracy.parquet", "stages.parquet"
RUN_ID = "mlflow_run_id"
DOCUMENTS = ("sweep.yaml", "versions.json")


@dataclass(frozen=True)
class SweepFiles:
    """The files of a folder, read once so that their digest is that of their content."""

    folder: Path
    content: Mapping[str, bytes]

    @staticmethod
    def read(folder: Path) -> SweepFiles:
        """Read the tables and the documents in `folder`.

        Raises:
            TrackingError: a table is missing.
        """
        # Trials first: if the tables are rewritten meanwhile, the others have more rows, not fewer.
        tables = (TRIALS, ACCURACY, STAGES)
        missing = [name for name in tables if not (folder / name).is_file()]
        if missing:
            raise TrackingError(f"{folder} has no {missing[0]}; write it: repertoire run SWEEP")
        names = [*tables, *(name for name in DOCUMENTS if (folder / name).is_file())]
        return SweepFiles(folder, {name: (folder / name).read_bytes() for name in names})

    @cached_property
    def digest(self) -> str:
        """The digest of all files, without the column of MLflow's run ids."""
        digests = {name: digest_bytes(data) for name, data in self.content.items()}
        # Run ids are written after sending, and must not make the tables differ from those sent.
        rows = self._trials.drop(columns=RUN_ID).to_json(double_precision=15)
        return digest("tracked files", digests | {TRIALS: digest_bytes(rows.encode())})

    @property
    def documents(self) -> dict[str, bytes]:
        """The sweep file and the versions of its packages, if present."""
        return {name: self.content[name] for name in DOCUMENTS if name in self.content}

    @property
    def sweep(self) -> str:
        """The name of the sweep."""
        return str(self._trials["sweep"].iloc[0]) if len(self._trials) else self.folder.name

    def identity(self, target: Target) -> str:
        """Return the tag of the folder's runs: its name and, at a shared address, host and path."""
        folder = self.folder.resolve()
        alone = target.database is not None and target.database.parent in folder.parents
        return digest("tracked sweep", [self.sweep] if alone else [self.sweep, node(), str(folder)])

    def trial_runs(self, running: bool = False) -> Iterator[TrialRun]:
        """Yield the trials in the order of the table; `running`: whether the sweep is running."""
        trials = self._trials
        chains = pd.MultiIndex.from_frame(trials[CHAIN_KEY])
        accuracy = Rows.from_table(
            self._table(ACCURACY), chains, ("after", "task", "accuracy", "split")
        )
        stages = self._table(STAGES)
        spent = Rows.from_table(
            stages[stages["status"] == "complete"], chains, ("after", *LOGGED_COSTS)
        )
        names = name_trials(trials)
        # The winner of a search is evaluated too: one trial, two runs.
        grouped: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(zip(trials["trial_id"], trials["phase"], strict=True)):
            grouped.setdefault(key, []).append(row)
        records = trials.to_dict("records")
        for key, rows in grouped.items():
            seeds = [
                SeedRows(records[row], accuracy.rows_of_chain(row), spent.rows_of_chain(row))
                for row in rows
            ]
            yield build_trial_run(names[key], seeds, running)

    def write_run_ids(self, ids: Mapping[str, str]) -> None:
        """Write MLflow's run ids into the trials table, unless it was rewritten meanwhile."""
        path = self.folder / TRIALS
        table = pq.read_table(BytesIO(self.content[TRIALS]))
        at, now = table.schema.get_field_index(RUN_ID), table[RUN_ID].to_pylist()
        new = [ids.get(trial) for trial in table["trial_id"].to_pylist()]
        if now != new and path.read_bytes() == self.content[TRIALS]:
            column = pa.array(new, pa.string())
            table = table.set_column(at, pa.field(RUN_ID, pa.string()), column)
            pq.write_table(table, written := BytesIO(), compression="zstd")
            write_atomically(path, written.getvalue())

    @cached_property
    def _trials(self) -> pd.DataFrame:
        return self._table(TRIALS)

    def _table(self, name: str) -> pd.DataFrame:
        try:
            if excess := find_excess(BytesIO(self.content[name])):
                raise OSError(f"it {excess}")
            return pd.read_parquet(BytesIO(self.content[name]))
        except (pa.ArrowInvalid, OSError) as error:
            raise TrackingError(
                f"{self.folder / name} cannot be read ({error}); write it anew from the store, "
                "nothing is lost: repertoire run SWEEP"
            ) from None


def name_trials(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return (trial id, phase) -> method and hyperparameters that vary within it: `ewc lam=1`."""
    first = trials.drop_duplicates(["trial_id", "phase"])
    config = [name for name in first.columns if name.startswith("config.")]
    keys = zip(first["trial_id"], first["phase"], strict=True)
    searched = ["" if phase == "evaluation" else f" {phase}" for phase in first["phase"]]
    names = labels(first, "method", config, within=())
    return dict(zip(keys, map("".join, zip(names, searched, strict=True)), strict=True))
