"""The tables of several sweep folders as one: DuckDB views over Parquet, read when asked.

The views `trials`, `accuracy` and `stages` have the columns of `results.schema`, whatever release
wrote the files: what a file lacks is null (but see `views.BEFORE`), and so is NaN. `sweep` is the
folder's name. `trials` has its rows' `place` besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import duckdb
import pandas as pd
import pyarrow as pa

from dashboards.data.folders import AGAIN, SCHEMAS, SweepFolder, open_folders, readable
from dashboards.data.views import view_of
from orchestrator.columns import FLOPS, SECONDS, STORAGE
from orchestrator.errors import RepertoireError
from orchestrator.results.comparison import VALUES, comparison
from orchestrator.results.identity import renamed_trials
from orchestrator.results.naming import labels
from orchestrator.results.pooling import CONFIGURATION, SETTING, pooled
from orchestrator.results.results import Results
from orchestrator.results.tables import with_config_columns

# Nothing is fetched: an extension that is missing is an error, not a download.
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
NO_TABLE = -1
COSTS = (*STORAGE, "compute_flops", *FLOPS, "seconds", *SECONDS, "peak_memory_bytes", "samples")
MORE = tuple(cost for cost in COSTS if cost not in VALUES)
KEY = ["sweep", "phase", "trial_id"]
T = TypeVar("T")


class Warehouse:
    """What can be asked of results folders; safe to share among threads.

    Attributes:
        folders: the sweep folders.
        notes: sentences on folders without results and on tables missing or damaged.
        older: sentences on tables that an older version wrote.
    """

    def __init__(self, folders: Sequence[SweepFolder], notes: Sequence[str] = ()) -> None:
        self.folders = tuple(folders)
        self.notes = (*notes, *(note for folder in folders for note in folder.notes))
        self.older = tuple(folder.older for folder in folders if folder.older)
        self._connection = duckdb.connect(config=OFFLINE)
        self._create_views({})
        if len(self.folders) > 1 and (names := self._renamed_trials()):
            self._create_views(names)

    def _create_views(self, names: Mapping[tuple[str, str], str]) -> None:
        """Create the views, given the trials that count under another id: see `_renamed_trials`."""
        rows = [[*pair, name] for pair, name in names.items()]
        self._connection.execute(
            "CREATE OR REPLACE TABLE renamed (own_sweep VARCHAR, own_id VARCHAR, common_id VARCHAR)"
        )
        if rows:
            self._connection.executemany("INSERT INTO renamed VALUES (?, ?, ?)", rows)
        renamed = {sweep for sweep, _ in names}
        for table in SCHEMAS:
            view = view_of(table, self.folders, renamed)
            self._connection.execute(f"CREATE OR REPLACE VIEW {table} AS {view}")

    def _renamed_trials(self) -> dict[tuple[str, str], str]:
        with suppress(RepertoireError):  # a damaged table is named when it is asked for
            return renamed_trials(
                self.frame(
                    "SELECT DISTINCT sweep, trial_id, coalesce(config, '{}') AS config FROM trials"
                )
            )
        return {}

    @classmethod
    def open(cls, *dirs: str | Path, thorough: bool = False) -> Warehouse:
        """Open sweep folders, or folders that hold sweep folders.

        Args:
            dirs: the folders.
            thorough: read every table whole to find damage, which is then left out, instead of the
                footers alone.
        """
        return cls(*open_folders([Path(folder) for folder in dirs], thorough))

    def frame(self, sql: str) -> pd.DataFrame:
        """Return a query's answer as a data frame.

        Raises:
            RepertoireError: a file is damaged beyond its footer; names it.
        """
        answer: pd.DataFrame = self._ask(lambda cursor: cursor.sql(sql).df())
        return answer

    def table(self, sql: str) -> pa.Table:
        """Return a query's answer as an Arrow table, whose types hold nulls.

        Raises:
            RepertoireError: a file is damaged beyond its footer; names it.
        """
        return self._ask(lambda cursor: cursor.sql(sql).to_arrow_table())

    @cached_property
    def results(self) -> Results:
        """The trials as data frame, each (trial, seed) once; the other tables are left empty.

        Raises:
            RepertoireError: two folders have different values of one (trial, seed).
        """
        columns = "SELECT * EXCLUDE (place, config), coalesce(config, '{}') AS config FROM trials"
        table = self.table(f"{columns} ORDER BY place")
        pool = pooled(
            with_config_columns(table).to_pandas(),
            {folder.name: folder.path for folder in self.folders},
        )
        return Results(pool.trials, pd.DataFrame(), pd.DataFrame(), pool.notes)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """The comparison of everything that is open, with means of all costs."""
        return comparison(self.results, values=(*VALUES, *MORE))

    @cached_property
    def names(self) -> pd.DataFrame:
        """What each configuration is called: KEY, `label` and `table`.

        For those that are compared both are those of the comparison: only rows of one `table` are
        comparable. The others have NO_TABLE.
        """
        answer = self.configurations("true")
        by_phase = [rows for _, rows in answer.groupby("phase", sort=False)]
        own = [rows.assign(own=label_configurations(rows)) for rows in by_phase]
        compared = self.comparison[[*CONFIGURATION, "label", "table"]].assign(phase="evaluation")
        names = pd.concat(own) if own else answer.assign(own="")
        names = names.merge(compared, "left", [*CONFIGURATION, "phase"])
        names["label"] = names["label"].astype(object).fillna(names["own"])
        names["table"] = names["table"].fillna(NO_TABLE).astype(int)
        return names[[*KEY, "label", "table"]].drop_duplicates(KEY, ignore_index=True)

    @property
    def apart(self) -> list[str]:
        """Why configurations of one setting are in several tables, each in a line."""
        return list(self.comparison.attrs["apart"])

    def configurations(self, where: str) -> pd.DataFrame:
        """Return a row per configuration of a sweep among the trials for which `where` holds.

        Columns: those of SETTING, `phase`, `method`, `trial_id`, `config` and `config.*`.
        """
        by = ", ".join([*SETTING, "phase", "method", "trial_id"])
        answer: pd.DataFrame = with_config_columns(
            self.table(
                f"SELECT {by}, coalesce(any_value(config), '{{}}') AS config FROM trials "
                f"WHERE {where} GROUP BY ALL ORDER BY min(place)"
            )
        ).to_pandas()
        return answer

    def _ask(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        try:
            return question(self._connection.cursor())
        except duckdb.Error as error:
            damaged = [str(path) for path in self._files() if not readable(path)]
            if not damaged:
                raise
            raise RepertoireError(
                f"damaged, so not shown: {', '.join(damaged)}; {AGAIN}"
            ) from error

    def _files(self) -> list[Path]:
        return [
            folder.path / f"{table}.parquet" for folder in self.folders for table in folder.tables
        ]


def label_configurations(rows: pd.DataFrame) -> list[str]:
    """Return what configurations of one phase are called, within their sweep and setting."""
    config = [str(name) for name in rows if str(name).startswith("config.")]
    return labels(rows, "method", config, SETTING)
