"""The tables of several sweep folders as DuckDB views, which read Parquet files for each query.

The views `trials`, `accuracy` and `stages` have the columns of `SCHEMAS`. Columns that files of an
older release lack are null, or have the values of `sql_views.DEFAULTS`; metrics are computed from R
when the folder is opened. NaN is null. `sweep` is the name of the folder. `trials` also has
`place`, the position of the row.
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

from dashboards.data.attempts import answer_query
from dashboards.data.folders import SweepFolder, open_folders
from dashboards.data.late_metrics import read_late_metrics
from dashboards.data.sql_views import view_query
from orchestrator.columns import FLOPS, LATE_COSTS, LATE_STORAGE, METHOD_LABEL, SECONDS, STORAGE
from orchestrator.errors import RepertoireError
from orchestrator.results.comparison import VALUES, comparison
from orchestrator.results.names.identity import common_trial_ids
from orchestrator.results.names.naming import labels
from orchestrator.results.pooling import CONFIGURATION, IN_TABLE, pool_trials
from orchestrator.results.results import Results
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import SCHEMAS

# DuckDB must not download extensions; a missing one is an error.
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
NO_TABLE = -1
MEAN_COSTS = (
    *(*STORAGE, "compute_flops", *FLOPS, "seconds", *SECONDS, "peak_memory_bytes", "samples"),
    *(*LATE_COSTS, *LATE_STORAGE),
)
MORE = tuple(cost for cost in MEAN_COSTS if cost not in VALUES)
KEY = ["sweep", "phase", "trial_id"]
SELECTED = "sweep, trial_id, seed, after, hyperparameters"  # of a selection at each task
T = TypeVar("T")


class Warehouse:
    """Answers queries on results folders; threads can share it.

    Attributes:
        folders: the sweep folders.
        notes: sentences on folders without results and on tables missing or damaged.
        older: sentences on tables of older releases.
    """

    def __init__(self, folders: Sequence[SweepFolder], notes: Sequence[str] = ()) -> None:
        self.folders = tuple(folders)
        self.notes = (*notes, *(note for folder in folders for note in folder.notes))
        self.older = tuple(folder.older for folder in folders if folder.older)
        self._connection = duckdb.connect(config=OFFLINE)
        self._create_late_metrics()
        self._create_views({})
        # Common ids follow from the configurations, which are read through the first views.
        if len(self.folders) > 1 and (names := self._renamed_trials()):
            self._create_views(names)

    def _create_late_metrics(self) -> None:
        """Create the table `late`, of the metrics that the files of some folders lack."""
        if not (folders := [folder for folder in self.folders if folder.late]):
            return
        self._connection.register("late_rows", read_late_metrics(folders))
        self._connection.execute(
            "CREATE TABLE late AS SELECT DISTINCT ON (sweep, trial_id, seed) * FROM late_rows"
        )
        # The table has a copy; the data frame need not be kept.
        self._connection.unregister("late_rows")

    def _create_views(self, names: Mapping[tuple[str, str], str]) -> None:
        """Create the views, given (sweep, trial id) -> common id."""
        rows = [[*pair, name] for pair, name in names.items()]
        self._connection.execute(
            "CREATE OR REPLACE TABLE renamed (own_sweep VARCHAR, own_id VARCHAR, common_id VARCHAR)"
        )
        if rows:
            self._connection.executemany("INSERT INTO renamed VALUES (?, ?, ?)", rows)
        renamed = {sweep for sweep, _ in names}
        for table in SCHEMAS:
            view = view_query(table, self.folders, renamed)
            self._connection.execute(f"CREATE OR REPLACE VIEW {table} AS {view}")

    def _renamed_trials(self) -> dict[tuple[str, str], str]:
        with suppress(RepertoireError):  # the query that needs a damaged table raises
            return common_trial_ids(
                self.frame(
                    "SELECT DISTINCT sweep, trial_id, coalesce(config, '{}') AS config, code "
                    "FROM trials"
                )
            )
        return {}

    @classmethod
    def open(cls, *dirs: str | Path) -> Warehouse:
        """Open sweep folders, or folders of sweep folders."""
        return cls(*open_folders([Path(folder) for folder in dirs]))

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the result of a query as a data frame.

        Raises:
            RepertoireError: a file is damaged, or replaced at each attempt; names it.
        """
        answer: pd.DataFrame = self._query(lambda cursor: cursor.sql(sql).df())
        return answer

    def table(self, sql: str) -> pa.Table:
        """Return the result of a query as an Arrow table, in which integers can be null.

        Raises:
            RepertoireError: a file is damaged, or replaced at each attempt; names it.
        """
        return self._query(lambda cursor: cursor.sql(sql).to_arrow_table())

    @cached_property
    def results(self) -> Results:
        """The trials, each (trial, seed) once, and the stages that a search chose at each task.

        The table of accuracies is empty, and the other stages are left out.

        Raises:
            RepertoireError: two folders have different values of one (trial, seed).
        """
        columns = "SELECT * EXCLUDE (place, config), coalesce(config, '{}') AS config FROM trials"
        table = self.table(f"{columns} ORDER BY place")
        pool = pool_trials(
            with_config_columns(table).to_pandas(),
            {folder.name: folder.path for folder in self.folders},
            self.frame("SELECT DISTINCT sweep, trial_id, seed FROM stages WHERE NOT cached"),
        )
        chosen = self.frame(f"SELECT {SELECTED} FROM stages WHERE hyperparameters IS NOT NULL")
        return Results(pool.trials, pd.DataFrame(), chosen, pool.notes)

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """The comparison of all open results, with means of all costs."""
        return comparison(self.results, values=(*VALUES, *MORE))

    @cached_property
    def names(self) -> pd.DataFrame:
        """The names of all configurations: KEY, `label` and `table`.

        Compared configurations have the label and the table of the comparison; only rows of one
        table are comparable. The others have NO_TABLE.
        """
        answer = self.configurations("true")
        by_phase = [rows for _, rows in answer.groupby("phase", sort=False)]
        own = [rows.assign(own=label_configurations(rows)) for rows in by_phase]
        compared = self.comparison[[*CONFIGURATION, "label", "table"]].assign(phase="evaluation")
        names = pd.concat(own) if own else answer.assign(own="")
        names = names.merge(compared, "left", [*CONFIGURATION, "phase"])
        # Trials that are not complete are not compared, and keep their own label.
        names["label"] = names["label"].astype(object).fillna(names["own"])
        names["table"] = names["table"].fillna(NO_TABLE).astype(int)
        return names[[*KEY, "label", "table"]].drop_duplicates(KEY, ignore_index=True)

    @property
    def reasons_apart(self) -> list[str]:
        """Lines on why configurations of one setting are in several tables."""
        return list(self.comparison.attrs["apart"])

    def configurations(self, where: str) -> pd.DataFrame:
        """Return a row per configuration of a sweep, of the trials that fulfil an SQL condition.

        Columns: those of IN_TABLE, `phase`, `method`, `trial_id`, `method_label`, `config` and
        `config.*`.
        """
        by = ", ".join([*IN_TABLE, "phase", "method", "trial_id"])
        answer: pd.DataFrame = with_config_columns(
            self.table(
                f"SELECT {by}, any_value({METHOD_LABEL}) AS {METHOD_LABEL}, "
                "coalesce(any_value(config), '{}') AS config FROM trials "
                f"WHERE {where} GROUP BY ALL ORDER BY min(place)"
            )
        ).to_pandas()
        return answer

    def _query(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        return answer_query(lambda: question(self._connection.cursor()), self._files())

    def _files(self) -> list[Path]:
        return [
            folder.path / f"{table}.parquet" for folder in self.folders for table in folder.tables
        ]


def open_results(folders: Sequence[Path]) -> Warehouse:
    """Open results folders.

    Raises:
        RepertoireError: no folder holds a sweep.
    """
    warehouse = Warehouse.open(*folders)
    if not warehouse.folders:
        raise RepertoireError("; ".join(warehouse.notes).replace("`", "").rstrip("."))
    return warehouse


def label_configurations(rows: pd.DataFrame) -> list[str]:
    """Return labels of configurations of one phase, different within a sweep and setting."""
    config = [str(name) for name in rows if str(name).startswith("config.")]
    return labels(rows, "method", config, IN_TABLE)
