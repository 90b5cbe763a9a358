"""The files of a sweep's folder, and the names its trials go by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orchestrator.hashing import digest, digest_bytes
from orchestrator.results.naming import labels
from orchestrator.stages.files import write_atomically
from orchestrator.tracking.target import TrackingError
from orchestrator.tracking.view import COSTS, Columns, SeedRows, TrialView, view

TRIALS, ACCURACY, STAGES = "trials.parquet", "accuracy.parquet", "stages.parquet"
RUN_ID = "mlflow_run_id"
CHAIN = ["trial_id", "seed"]
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
        rows = self._trials.drop(columns=RUN_ID).to_json(double_precision=15)
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
        trials = self._trials
        chains = pd.MultiIndex.from_frame(trials[CHAIN])
        accuracy = Rows.from_table(
            self._table(ACCURACY), chains, ("after", "task", "accuracy", "split")
        )
        stages = self._table(STAGES)
        spent = Rows.from_table(stages[stages["status"] == "complete"], chains, ("after", *COSTS))
        names = trial_names(trials)
        # A candidate of a search that won is evaluated too: one trial, two runs.
        grouped: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(zip(trials["trial_id"], trials["phase"], strict=True)):
            grouped.setdefault(key, []).append(row)
        records = trials.to_dict("records")
        for key, rows in grouped.items():
            seeds = [SeedRows(records[row], accuracy.at(row), spent.at(row)) for row in rows]
            yield view(names[key], seeds, running)

    def write_run_ids(self, ids: Mapping[str, str]) -> None:
        """Write MLflow's run ids into the table of trials, unless it was rewritten meanwhile."""
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
            return pd.read_parquet(BytesIO(self.content[name]))
        except (pa.ArrowInvalid, OSError) as error:
            raise TrackingError(
                f"{self.folder / name} cannot be read ({error}); write it anew from the store, "
                "nothing is lost: repertoire run SWEEP"
            ) from None


def trial_names(trials: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Name each (trial id, phase) by its method and what varies within it: `ewc lam=1000`."""
    first = trials.drop_duplicates(["trial_id", "phase"])
    config = [name for name in first.columns if name.startswith("config.")]
    keys = zip(first["trial_id"], first["phase"], strict=True)
    searched = ["" if phase == "evaluation" else f" {phase}" for phase in first["phase"]]
    names = labels(first, "method", config, within=())
    return dict(zip(keys, map("".join, zip(names, searched, strict=True)), strict=True))


@dataclass(frozen=True)
class Rows:
    """Columns of a table sorted by (trial, seed), so that the rows of one are a slice."""

    columns: Mapping[str, NDArray[Any]]
    starts: NDArray[np.intp]

    @staticmethod
    def from_table(table: pd.DataFrame, chains: pd.MultiIndex, columns: Sequence[str]) -> Rows:
        """Sort the rows of `table` that belong to `chains`, the (trial, seed) of each position."""
        place = chains.get_indexer(pd.MultiIndex.from_frame(table[CHAIN]))
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(chains) + 1))
        return Rows({name: table[name].to_numpy()[order] for name in columns}, starts)

    def at(self, chain: int) -> Columns:
        """Return the columns of one (trial, seed), given its position."""
        rows = slice(self.starts[chain], self.starts[chain + 1])
        return {name: column[rows] for name, column in self.columns.items()}
